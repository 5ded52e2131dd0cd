"""SFSeg: the paper's filter, exact and in fixed memory (SFSeg++ paper, sections 3.1-3.2)."""
