"""The figures and tables of the SFSeg++ paper."""
