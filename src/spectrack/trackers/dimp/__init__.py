"""DiMP, PrDiMP, SuperDiMP: a classifier learned on the spot, and boxes made to fit by IoU-Net."""
