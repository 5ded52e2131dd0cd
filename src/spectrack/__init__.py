"""Follow objects through a video: a mask, a box and a score in every frame, consistent in time.

The public names are loaded when first used, so ``import spectrack`` costs milliseconds.

Example:
    >>> import spectrack as st
    >>> track = st.track("bike.mp4", box=(120, 80, 200, 160))  # doctest: +SKIP
    >>> track.save("out")  # doctest: +SKIP
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# Read once, when torch or numba starts its threads. Idle threads that spin would starve the
# trackers and the optical flow that run beside them; sleeping ones cost microseconds a call.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

if TYPE_CHECKING:
    from spectrack.api import evaluate, fuse, make_tracker, refine, segment, track, track_all
    from spectrack.errors import InputError
    from spectrack.structures import Box, Mask, Prediction, Target
    from spectrack.tracks import Track, Tracks
    from spectrack.video.reader import open_video

__version__ = "0.1.0"

__all__ = [
    "Box",
    "InputError",
    "Mask",
    "Prediction",
    "Target",
    "Track",
    "Tracks",
    "__version__",
    "evaluate",
    "fuse",
    "make_tracker",
    "open_video",
    "refine",
    "segment",
    "track",
    "track_all",
]

_HOMES = {
    "Box": "spectrack.structures",
    "InputError": "spectrack.errors",
    "Mask": "spectrack.structures",
    "Prediction": "spectrack.structures",
    "Target": "spectrack.structures",
    "Track": "spectrack.tracks",
    "Tracks": "spectrack.tracks",
    "evaluate": "spectrack.api",
    "fuse": "spectrack.api",
    "make_tracker": "spectrack.api",
    "open_video": "spectrack.video.reader",
    "refine": "spectrack.api",
    "segment": "spectrack.api",
    "track": "spectrack.api",
    "track_all": "spectrack.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'spectrack' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
