"""Learning: losses, one small training loop with exact resume, and its run folder."""
