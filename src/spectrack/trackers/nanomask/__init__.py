"""A box tracker's boxes, with the mask of the thing in each."""
