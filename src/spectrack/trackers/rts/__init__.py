"""RTS: robust visual tracking by segmentation (Paul et al., ECCV 2022)."""
