"""The tables of the SFTrack++ paper."""
