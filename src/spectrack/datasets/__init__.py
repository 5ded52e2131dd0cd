"""Data sets: named sequences of frames with truth, and a synthetic scene.

``DATASETS`` maps the names people type to what builds them, so that listing them costs nothing.
"""

from spectrack.datasets.table import DATASETS, open_dataset

__all__ = ["DATASETS", "open_dataset"]
