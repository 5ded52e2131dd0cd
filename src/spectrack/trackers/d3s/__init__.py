"""D3S: a discriminative single shot segmentation tracker (Lukezic et al., CVPR 2020)."""
