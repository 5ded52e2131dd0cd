"""One small training loop with exact resume, and its run folder."""
