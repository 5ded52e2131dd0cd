"""Experiments of the paper on pixel-wise tracking."""
