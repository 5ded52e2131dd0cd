"""LWL: learning what to learn for video object segmentation (Bhat et al., ECCV 2020)."""
