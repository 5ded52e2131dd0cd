"""SiamFC: a template correlated with a search region, at three scales."""
