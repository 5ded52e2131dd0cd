"""Answers of another method, from files, as if it were a tracker of ours."""
