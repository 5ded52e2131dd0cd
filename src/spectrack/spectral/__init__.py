"""The spectral heart: soft masks in, consistent soft masks out. Arrays only, no files."""
