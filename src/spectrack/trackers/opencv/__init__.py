"""OpenCV's box trackers."""
