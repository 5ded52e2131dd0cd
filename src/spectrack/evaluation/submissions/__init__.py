"""Packs of results as the servers of benchmarks take them: written, and checked before they go."""
