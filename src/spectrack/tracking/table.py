"""The table of trackers: names, and what builds them; each is loaded when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from spectrack.errors import InputError
from spectrack.plugins import with_plugins
from spectrack.settings import make_settings, split_pairs
from spectrack.tracking.base import Tracker


def load_object(target: str) -> Any:
    """What an import string ``module:name`` names."""
    module, name = target.split(":")
    return getattr(importlib.import_module(module), name)


@dataclass(frozen=True, slots=True)
class TrackerEntry:
    """One row of the table of trackers.

    Args:
        target: Import string ``module:Class`` of a tracker that is built from one settings object,
            a frozen dataclass its attribute ``Settings`` names.
        description: One line for people.
        gives: Whether it answers with masks or only with boxes.
        defaults: Settings that belong to this name.
        looks_at_crops: Whether the time it takes does not depend on the size of frames, so that
            they need not be shrunk for it.
    """

    target: str
    description: str
    gives: Literal["masks", "boxes"]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    looks_at_crops: bool = False

    def load(self) -> Any:
        """The tracker's class."""
        return load_object(self.target)

    @property
    def settings(self) -> type[Any]:
        """The dataclass of the tracker's settings."""
        found: type[Any] = self.load().Settings
        return found


def _opencv(kind: str, description: str) -> TrackerEntry:
    target = "spectrack.trackers.opencv.tracker:OpenCVTracker"
    return TrackerEntry(target, description, "boxes", {"kind": kind})


TRACKERS: dict[str, TrackerEntry] = {
    "sftrack": TrackerEntry(
        "spectrack.trackers.sftrack.scaled:ScaledSFTracker",
        "SFTrack++: trackers fused into one mask and box by learned networks and the filter",
        "masks",
    ),
    "sftrack-fast": TrackerEntry(
        "spectrack.trackers.sftrack.scaled:ScaledSFTracker",
        "SFTrack++ on frames of 640 pixels, with one input and one look at each box",
        "masks",
        {"inputs": "fear", "largest": 640, "views": 1},
    ),
    "flow": TrackerEntry(
        "spectrack.trackers.flow.tracker:FlowTracker",
        "exact masks without weights: optical flow, adaptive colour models, re-detection",
        "masks",
    ),
    "flow-fast": TrackerEntry(
        "spectrack.trackers.flow.tracker:FlowTracker",
        "the same as flow with coarser optical flow on fewer pixels",
        "masks",
        {"preset": "fast", "pixels": 30_000},
    ),
    "nanomask": TrackerEntry(
        "spectrack.trackers.nanomask.tracker:NanoMaskTracker",
        "small and fast: NanoTrack's boxes, and the mask of the target in each by a network",
        "masks",
    ),
    "carried": TrackerEntry(
        "spectrack.trackers.carried.tracker:CarriedTracker",
        "the last mask moved by optical flow alone: an input for trackers that correct it",
        "masks",
    ),
    "rts": TrackerEntry(
        "spectrack.trackers.rts.tracker:RTSTracker",
        "RTS: segmentation learned online, watched over by an instance branch (needs weights)",
        "masks",
    ),
    "lwl": TrackerEntry(
        "spectrack.trackers.lwl.tracker:LWLTracker",
        "LWL: segmentation learned online, started by a mask (needs weights)",
        "masks",
    ),
    "lwl-box": TrackerEntry(
        "spectrack.trackers.lwl.tracker:LWLTracker",
        "LWL that makes its own first mask in a box (needs weights)",
        "masks",
        {"start": "box", "rate": 0.2, "share": 0.0, "equal": True, "every": 5, "steps": 5},
    ),
    "nanotrack": TrackerEntry(
        "spectrack.trackers.nanotrack.tracker:NanoTracker",
        "NanoTrack: a small, fast Siamese tracker of boxes (needs weights)",
        "boxes",
        looks_at_crops=True,
    ),
    "fear": TrackerEntry(
        "spectrack.trackers.fear.tracker:FEARTracker",
        "FEAR-XS: a small siamese network, each frame beside the first (boxes, needs weights)",
        "boxes",
        looks_at_crops=True,
    ),
    "siamfc": TrackerEntry(
        "spectrack.trackers.siamfc.tracker:SiamFCTracker",
        "SiamFC: the first frame's target, looked for at three scales (boxes, needs weights)",
        "boxes",
        looks_at_crops=True,
    ),
    "siamrpn": TrackerEntry(
        "spectrack.trackers.siamrpn.tracker:SiamRPNTracker",
        "SiamRPN: AlexNet and boxes of anchors (boxes, needs weights)",
        "boxes",
        {"backbone": "alexnet"},
        looks_at_crops=True,
    ),
    "siamrpn++": TrackerEntry(
        "spectrack.trackers.siamrpn.tracker:SiamRPNTracker",
        "SiamRPN++: the same with ResNet-50, short or long term (boxes, needs weights)",
        "boxes",
        {"backbone": "resnet50"},
        looks_at_crops=True,
    ),
    "csrt": _opencv("csrt", "OpenCV CSRT: correlation filter with spatial reliability (boxes)"),
    "kcf": _opencv(
        "kcf",
        "OpenCV KCF: fast; early says that fast or turning targets are lost (boxes)",
    ),
    "mil": _opencv(
        "mil", "OpenCV MIL: online boosting over patches; no two runs are equal (boxes)"
    ),
    "medianflow": _opencv("medianflow", "OpenCV MedianFlow: forward-backward points (boxes)"),
    "mosse": _opencv("mosse", "OpenCV MOSSE: grey correlation filter, fastest (boxes)"),
    "external": TrackerEntry(
        "spectrack.trackers.external.tracker:ExternalTracker",
        "masks or boxes of another method, read from a folder or file",
        "masks",
    ),
}


def make_tracker(name: str, **settings: Any) -> Tracker:
    """Build a tracker by its name.

    Args:
        name: A key of :func:`tracker_table`.
        **settings: Fields of the tracker's settings dataclass.

    Raises:
        InputError: If the name or a setting is unknown, or a setting is out of range.
    """
    entry = tracker_entry(name)
    tracker: Tracker = entry.load()(settings_of(name, **settings))
    return tracker


def settings_of(name: str, **settings: Any) -> Any:
    """The settings of a tracker, checked without building it.

    Args:
        name: A key of :func:`tracker_table`.
        **settings: Fields of the tracker's settings dataclass, or text that stands for them.

    Raises:
        InputError: As :func:`make_tracker`.
    """
    entry = tracker_entry(name)
    fixed = [key for key in settings if key in entry.defaults]
    if fixed:
        raise InputError(
            f"tracker {name} has no setting {', '.join(fixed)}: its name decides that; "
            "choose another tracker"
        )
    return make_settings(entry.settings, {**entry.defaults, **settings}, f"tracker {name}")


def named(text: str) -> tuple[str, dict[str, str]]:
    """An input's tracker and its settings: ``csrt``, or ``rts:weights=FILE;presence=0.2``.

    Args:
        text: As people write it; what is no tracker's name is a path, given back as it is.

    Raises:
        InputError: If a setting has no value or is given twice.
    """
    kind, colon, rest = text.partition(":")
    if not colon or kind not in tracker_table():
        return text, {}
    return kind, split_pairs(rest.split(";"), f"input {text!r} with the setting")


@lru_cache(maxsize=1)
def _plugins() -> dict[str, TrackerEntry]:
    """The rows of other packages."""
    found = with_plugins("spectrack.trackers", TRACKERS, TrackerEntry)
    return {name: entry for name, entry in found.items() if name not in TRACKERS}


def tracker_table() -> dict[str, TrackerEntry]:
    """All trackers: ours, and those that other packages add by entry points.

    An entry point of the group ``spectrack.trackers`` names a :class:`TrackerEntry`; see
    ``docs/guides/add_a_tracker.md``.
    """
    return {**TRACKERS, **_plugins()}


def tracker_entry(name: str) -> TrackerEntry:
    """The row of a tracker.

    Raises:
        InputError: If there is none.
    """
    entry = TRACKERS.get(name) or tracker_table().get(name)
    if entry is None:
        raise InputError(f"tracker {name!r} is unknown; use one of {', '.join(tracker_table())}")
    return entry
