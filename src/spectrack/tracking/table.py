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

Speed = Literal["fast", "medium", "slow"]
"""Over 30 frames a second on one core at 480p; 5 or more; less. ``benchmarks/tracker_speed.py``."""


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
        defaults: Settings that belong to this name: nobody may give others.
        usual: Settings that begin with another value under this name; any may be given.
        live: The same where frames do not wait for an answer.
        looks_at_crops: Whether the time it takes does not depend on the size of frames, so that
            they need not be shrunk for it.
        weights: Names of the table of weights that it loads where its settings name no others.
        speed: How fast it follows one target at 480p; None where that was not measured.
        by_chance: Whether two runs over one video differ.
    """

    target: str
    description: str
    gives: Literal["masks", "boxes"]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    looks_at_crops: bool = False
    weights: tuple[str, ...] = ()
    speed: Speed | None = None
    by_chance: bool = False
    usual: Mapping[str, Any] = field(default_factory=dict)
    live: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> Any:
        """The tracker's class."""
        return load_object(self.target)

    @property
    def settings(self) -> type[Any]:
        """The dataclass of the tracker's settings."""
        found: type[Any] = self.load().Settings
        return found


def _opencv(kind: str, description: str, speed: Speed, by_chance: bool = False) -> TrackerEntry:
    target = "spectrack.trackers.opencv.tracker:OpenCVTracker"
    settings = {"kind": kind}
    return TrackerEntry(target, description, "boxes", settings, speed=speed, by_chance=by_chance)


def _stark(variant: str, description: str) -> TrackerEntry:
    target = "spectrack.trackers.stark.tracker:STARKTracker"
    return TrackerEntry(
        target,
        description,
        "boxes",
        {"variant": variant},
        looks_at_crops=True,
        weights=(f"stark_{variant}",),
        speed="slow",
    )


def _dimp(variant: str, description: str, weights: str, speed: Speed = "slow") -> TrackerEntry:
    target = "spectrack.trackers.dimp.tracker:DiMPTracker"
    return TrackerEntry(
        target,
        description,
        "boxes",
        {"variant": variant},
        looks_at_crops=True,
        weights=(weights,),
        speed=speed,
    )


TRACKERS: dict[str, TrackerEntry] = {
    "sftrack": TrackerEntry(
        "spectrack.trackers.sftrack.scaled:ScaledSFTracker",
        "SFTrack++: trackers fused into one mask and box by learned networks and the filter",
        "masks",
        weights=("sftrack", "mask_in_box", "fear"),
        speed="slow",
        live={"fine_tune": 0},
    ),
    "sftrack-fast": TrackerEntry(
        "spectrack.trackers.sftrack.scaled:ScaledSFTracker",
        "SFTrack++ on frames of 640 pixels, with one input and one look in every second frame",
        "masks",
        {"inputs": "fear", "largest": 640, "views": 1},
        weights=("sftrack", "mask_in_box", "fear"),
        speed="medium",
        usual={"every": 2, "fine_tune": 0},
    ),
    "sftrack-permissive": TrackerEntry(
        "spectrack.trackers.sftrack.scaled:ScaledSFTracker",
        "SFTrack++ with weights learned from data of permissive terms alone",
        "masks",
        {
            "inputs": "nanotrack:weights=nanotrack_permissive,flow",
            "mask_weights": "mask_in_box_permissive",
            "weights": "none",
        },
        weights=("mask_in_box_permissive", "nanotrack_permissive"),
        speed="slow",
        usual={"fine_tune": 0},  # what it makes in a box is not sure enough to teach it
    ),
    "flow": TrackerEntry(
        "spectrack.trackers.flow.tracker:FlowTracker",
        "exact masks without weights: optical flow, adaptive colour models, re-detection",
        "masks",
        speed="medium",
    ),
    "flow-fast": TrackerEntry(
        "spectrack.trackers.flow.tracker:FlowTracker",
        "the same as flow with coarser optical flow on fewer pixels",
        "masks",
        {"preset": "fast", "pixels": 30_000},
        speed="fast",
    ),
    "nanomask": TrackerEntry(
        "spectrack.trackers.nanomask.tracker:NanoMaskTracker",
        "small and fast: NanoTrack's boxes, and the mask of the target in each by a network",
        "masks",
        weights=("nanotrack", "mask_in_box"),
        speed="medium",
    ),
    "carried": TrackerEntry(
        "spectrack.trackers.carried.tracker:CarriedTracker",
        "the last mask moved by optical flow alone: an input for trackers that correct it",
        "masks",
        speed="fast",
    ),
    "pixelwise": TrackerEntry(
        "spectrack.trackers.pixelwise.tracker:PixelwiseTracker",
        "pixel-wise tracking: ConvLSTMs say where to look, and what is the target there",
        "masks",
        looks_at_crops=True,
        weights=("pixelwise",),
        speed="medium",
    ),
    "rts": TrackerEntry(
        "spectrack.trackers.rts.tracker:RTSTracker",
        "RTS: segmentation learned online, watched over by an instance branch",
        "masks",
        weights=("rts50", "mask_in_box"),
        speed="slow",
    ),
    "lwl": TrackerEntry(
        "spectrack.trackers.lwl.tracker:LWLTracker",
        "LWL: segmentation learned online, started by a mask",
        "masks",
        weights=("lwl_stage2", "mask_in_box"),
        speed="slow",
    ),
    "lwl-box": TrackerEntry(
        "spectrack.trackers.lwl.tracker:LWLTracker",
        "LWL that makes its own first mask in a box",
        "masks",
        {"start": "box", "rate": 0.2, "share": 0.0, "equal": True, "every": 5, "steps": 5},
        weights=("lwl_boxinit",),
        speed="slow",
    ),
    "nanotrack": TrackerEntry(
        "spectrack.trackers.nanotrack.tracker:NanoTracker",
        "NanoTrack: a small, fast Siamese tracker of boxes",
        "boxes",
        looks_at_crops=True,
        weights=("nanotrack",),
        speed="fast",
    ),
    "fear": TrackerEntry(
        "spectrack.trackers.fear.tracker:FEARTracker",
        "FEAR-XS: a small siamese network, each frame beside the first",
        "boxes",
        looks_at_crops=True,
        weights=("fear",),
        speed="fast",
    ),
    "siamfc": TrackerEntry(
        "spectrack.trackers.siamfc.tracker:SiamFCTracker",
        "SiamFC: the first frame's target, looked for at three scales",
        "boxes",
        looks_at_crops=True,
        weights=("siamfc_alexnet",),
        speed="medium",
    ),
    "siamrpn": TrackerEntry(
        "spectrack.trackers.siamrpn.tracker:SiamRPNTracker",
        "SiamRPN: AlexNet and boxes of anchors",
        "boxes",
        {"backbone": "alexnet"},
        looks_at_crops=True,
        weights=("siamrpn_alex_dwxcorr",),
        speed="medium",
    ),
    "siamrpn++": TrackerEntry(
        "spectrack.trackers.siamrpn.tracker:SiamRPNTracker",
        "SiamRPN++: the same with ResNet-50, short or long term",
        "boxes",
        {"backbone": "resnet50"},
        looks_at_crops=True,
        weights=("siamrpn_r50_l234_dwxcorr",),
        speed="slow",
    ),
    "siamban": TrackerEntry(
        "spectrack.trackers.siamban.tracker:SiamBANTracker",
        "SiamBAN: ResNet-50 and a box at every cell, without anchors",
        "boxes",
        looks_at_crops=True,
        weights=("siamban_r50_l234",),
        speed="slow",
    ),
    "siammask": TrackerEntry(
        "spectrack.trackers.siammask.tracker:SiamMaskTracker",
        "SiamMask: SiamRPN's boxes with ResNet-50, and a mask of the best",
        "masks",
        looks_at_crops=True,
        weights=("siammask_davis",),
        speed="slow",
    ),
    "mdnet": TrackerEntry(
        "spectrack.trackers.mdnet.tracker:MDNetTracker",
        "MDNet: a classifier of patches that learns its target online",
        "boxes",
        looks_at_crops=True,
        weights=("mdnet",),
        speed="slow",
    ),
    "atom": TrackerEntry(
        "spectrack.trackers.atom.tracker:ATOMTracker",
        "ATOM: a classifier learned online, and boxes that climb on predicted overlap",
        "boxes",
        looks_at_crops=True,
        weights=("atom_default",),
        speed="medium",
    ),
    "kys": TrackerEntry(
        "spectrack.trackers.kys.tracker:KYSTracker",
        "KYS: DiMP's filter, and what is known of the things around",
        "boxes",
        looks_at_crops=True,
        weights=("kys",),
        speed="slow",
    ),
    "stark-s50": _stark("s50", "STARK-S: a transformer beside the first frame, ResNet-50"),
    "stark-st50": _stark("st50", "STARK-ST: the same with a second, later template"),
    "stark-st101": _stark("st101", "STARK-ST with ResNet-101"),
    "dimp18": _dimp("dimp18", "DiMP: a filter learned on the spot, ResNet-18", "dimp18", "medium"),
    "dimp50": _dimp("dimp50", "DiMP with ResNet-50", "dimp50"),
    "prdimp18": _dimp("prdimp18", "PrDiMP: DiMP by probabilities, ResNet-18", "prdimp18", "medium"),
    "prdimp50": _dimp("prdimp50", "PrDiMP with ResNet-50", "prdimp50"),
    "superdimp": _dimp("superdimp", "SuperDiMP: DiMP-50 with PrDiMP's boxes", "super_dimp"),
    "dimp-small": _dimp("small", "DiMP, small, of `train dimp --small`", "dimp_small", "medium"),
    "d3s": TrackerEntry(
        "spectrack.trackers.d3s.tracker:D3STracker",
        "D3S: a filter learned online for the place, and the target segmented there",
        "masks",
        looks_at_crops=True,
        weights=("d3s", "resnet50"),
        speed="slow",
    ),
    "csrt": _opencv("csrt", "OpenCV CSRT: correlation filter with spatial reliability", "medium"),
    "kcf": _opencv("kcf", "OpenCV KCF: early says that fast or turning targets are lost", "medium"),
    "mil": _opencv(
        "mil", "OpenCV MIL: online boosting over patches; no two runs equal", "fast", by_chance=True
    ),
    "medianflow": _opencv("medianflow", "OpenCV MedianFlow: forward-backward points", "fast"),
    "mosse": _opencv("mosse", "OpenCV MOSSE: grey correlation filter, fastest", "fast"),
    "external": TrackerEntry(
        "spectrack.trackers.external.tracker:ExternalTracker",
        "masks or boxes of another method, read from a folder or file",
        "masks",
        speed="fast",
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
    told = {**entry.usual, **entry.defaults, **settings}
    return make_settings(entry.settings, told, f"tracker {name}")


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
