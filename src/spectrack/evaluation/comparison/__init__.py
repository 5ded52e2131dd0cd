"""Scored runs side by side: read, ranked, and told as a page or as tables."""
