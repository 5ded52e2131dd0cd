"""A mask carried along by optical flow, and nothing else: an input for trackers that correct it."""
