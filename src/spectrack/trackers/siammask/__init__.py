"""SiamMask: fast online object tracking and segmentation (Wang et al., CVPR 2019)."""
