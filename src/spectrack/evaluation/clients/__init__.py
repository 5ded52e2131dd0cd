"""Trackers for the field's toolkits: VOT's by the TraX protocol, and GOT-10k's in Python."""
