"""FEAR: fast, efficient, accurate and robust visual tracker (Borsuk et al., ECCV 2022)."""
