"""ATOM: a small classifier learned online says where, IoU-Net says how large (CVPR 2019)."""
