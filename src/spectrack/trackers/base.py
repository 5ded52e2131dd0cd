"""The two verbs of every tracker, and the table of names."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from spectrack.errors import InputError
from spectrack.structures import FrameHWC, Prediction, Target


class Tracker(Protocol):
    """Follows one target through frames; holds bounded memory whatever the length of the video."""

    def init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        """Start on a frame.

        Args:
            frame_hwc: uint8 RGB of shape (H, W, 3).
            target: What to follow; its box or mask lies in this frame.

        Returns:
            The answer for this first frame: the mask and box given, or found in the box given.

        Raises:
            InputError: If frame or target cannot be used.
        """
        ...

    def update(self, frame_hwc: FrameHWC) -> Prediction:
        """Answer for the next frame.

        Raises:
            InputError: If the frame is of another size or :meth:`init` was not called.
        """
        ...


@dataclass(frozen=True, slots=True)
class TrackerEntry:
    """One row of the table of trackers.

    Args:
        target: Import string ``module:Class`` of a tracker that is built from one settings object,
            a frozen dataclass its attribute ``Settings`` names.
        description: One line for people.
        gives: Whether it answers with masks or only with boxes.
        defaults: Settings that belong to this name.
    """

    target: str
    description: str
    gives: Literal["masks", "boxes"]
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> Any:
        """The tracker's class."""
        module, name = self.target.split(":")
        return getattr(importlib.import_module(module), name)

    @property
    def settings(self) -> type[Any]:
        """The dataclass of the tracker's settings."""
        found: type[Any] = self.load().Settings
        return found


def _opencv(kind: str, description: str) -> TrackerEntry:
    target = "spectrack.trackers.opencv:OpenCVTracker"
    return TrackerEntry(target, description, "boxes", {"kind": kind})


TRACKERS: dict[str, TrackerEntry] = {
    "sftrack": TrackerEntry(
        "spectrack.trackers.sftrack.tracker:SFTracker",
        "SFTrack++: trackers fused into one mask and box by learned networks and the filter",
        "masks",
    ),
    "sftrack-fast": TrackerEntry(
        "spectrack.trackers.sftrack.fast:FastSFTracker",
        "SFTrack++ on frames of 480 pixels, with cheap inputs and one spectral step",
        "masks",
        {"inputs": "flow-fast,kcf", "iterations": 1, "box_rule": "tight"},
    ),
    "flow": TrackerEntry(
        "spectrack.trackers.flow:FlowTracker",
        "exact masks without weights: optical flow, adaptive colour models, re-detection",
        "masks",
    ),
    "flow-fast": TrackerEntry(
        "spectrack.trackers.flow:FlowTracker",
        "the same as flow with coarser optical flow on fewer pixels",
        "masks",
        {"preset": "fast", "pixels": 30_000},
    ),
    "rts": TrackerEntry(
        "spectrack.trackers.rts.tracker:RTSTracker",
        "RTS: segmentation learned online, watched over by an instance branch (needs weights)",
        "masks",
    ),
    "lwl": TrackerEntry(
        "spectrack.trackers.lwl:LWLTracker",
        "LWL: segmentation learned online, started by a mask (needs weights)",
        "masks",
    ),
    "lwl-box": TrackerEntry(
        "spectrack.trackers.lwl:LWLTracker",
        "LWL that makes its own first mask in a box (needs weights)",
        "masks",
        {"start": "box", "rate": 0.2, "share": 0.0, "equal": True, "every": 5, "steps": 5},
    ),
    "csrt": _opencv("csrt", "OpenCV CSRT: correlation filter with spatial reliability (boxes)"),
    "kcf": _opencv("kcf", "OpenCV KCF: kernelised correlation filter, fast (boxes)"),
    "mil": _opencv("mil", "OpenCV MIL: online boosting over bags of patches (boxes)"),
    "medianflow": _opencv("medianflow", "OpenCV MedianFlow: forward-backward points (boxes)"),
    "mosse": _opencv("mosse", "OpenCV MOSSE: grey correlation filter, fastest (boxes)"),
    "external": TrackerEntry(
        "spectrack.trackers.external:ExternalTracker",
        "masks or boxes of another method, read from a folder or file",
        "masks",
    ),
}


def make_tracker(name: str, **settings: Any) -> Tracker:
    """Build a tracker by its name.

    Args:
        name: A key of :data:`TRACKERS`.
        **settings: Fields of the tracker's settings dataclass.

    Raises:
        InputError: If the name or a setting is unknown, or a setting is out of range.
    """
    entry = TRACKERS.get(name)
    if entry is None:
        raise InputError(f"tracker {name!r} is unknown; use one of {', '.join(TRACKERS)}")
    cls = entry.load()
    known = [f.name for f in dataclasses.fields(cls.Settings) if f.name not in entry.defaults]
    unknown = [key for key in settings if key not in known]
    if unknown:
        raise InputError(
            f"tracker {name} has no setting {', '.join(unknown)}; it has {', '.join(known)}"
        )
    tracker: Tracker = cls(cls.Settings(**{**entry.defaults, **settings}))
    return tracker


def check_frame(frame_hwc: FrameHWC, size_wh: tuple[int, int] | None = None) -> tuple[int, int]:
    """Make sure a frame is uint8 RGB and of the size expected.

    Returns:
        Its width and height.

    Raises:
        InputError: If it is not.
    """
    if frame_hwc.ndim != 3 or frame_hwc.shape[2] != 3 or frame_hwc.dtype.name != "uint8":
        raise InputError(
            f"a {frame_hwc.dtype} frame of shape {frame_hwc.shape} was given; "
            "expected uint8 RGB of shape (height, width, 3)"
        )
    width, height = frame_hwc.shape[1], frame_hwc.shape[0]
    if width == 0 or height == 0:
        raise InputError(f"a frame of {width}x{height} was given; give frames with pixels")
    if size_wh is not None and (width, height) != size_wh:
        raise InputError(
            f"a frame of {width}x{height} follows frames of {size_wh[0]}x{size_wh[1]}; "
            "give frames of one size"
        )
    return width, height
