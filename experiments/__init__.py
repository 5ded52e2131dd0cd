"""The experiments: a folder a paper, and studies of our own; ``common`` is what they share."""
