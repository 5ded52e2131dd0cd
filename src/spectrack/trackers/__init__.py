"""The trackers, a folder each: all that is one tracker's alone."""
