"""Mixing the masks of several methods into one (SFSeg++ paper, section 3.3)."""
