"""Fusing the masks of several methods (SFSeg++), and learning how."""
