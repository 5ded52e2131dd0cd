"""Pixel-wise tracking: where to look and what is the target, by ConvLSTMs (Song, Li and Wang)."""
