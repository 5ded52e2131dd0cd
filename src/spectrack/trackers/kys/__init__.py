"""KYS: know your surroundings (Bhat et al., ECCV 2020)."""
