"""NanoTrack: a small Siamese tracker of boxes, versions 1 to 3, and OpenCV's form of it."""
