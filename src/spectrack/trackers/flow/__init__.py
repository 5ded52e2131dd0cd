"""The tracker `flow`: exact masks without weights."""
