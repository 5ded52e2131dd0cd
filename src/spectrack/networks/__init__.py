"""Small networks, made from scratch: soft maps in, logits out. Tensors only, no files."""
