"""The library in a few verbs: track, segment, refine, fuse, evaluate.

Everything heavy is imported when a verb is used.
"""

from spectrack.api.masks import fuse, fuse_all, refine, refine_all
from spectrack.api.scoring import evaluate
from spectrack.api.segmenting import segment, segment_all
from spectrack.api.tracking import make_tracker, track, track_all
from spectrack.api.videos import open_frames

__all__ = [
    "evaluate",
    "fuse",
    "fuse_all",
    "make_tracker",
    "open_frames",
    "refine",
    "refine_all",
    "segment",
    "segment_all",
    "track",
    "track_all",
]
