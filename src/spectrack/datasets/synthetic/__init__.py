"""Made-up clips with exact masks, and faults of cameras."""
