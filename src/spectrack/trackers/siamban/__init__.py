"""SiamBAN: Siamese box adaptive network for visual tracking (Chen et al., CVPR 2020)."""
