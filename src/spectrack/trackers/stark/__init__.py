"""STARK: a spatio-temporal transformer for visual tracking (Yan et al., ICCV 2021)."""
