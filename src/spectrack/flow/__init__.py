"""Dense optical flow: of whole frames, and only where it is read."""
