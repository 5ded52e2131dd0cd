"""Every choice of NanoTrack, named; values are the published ones unless said otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spectrack.errors import InputError
from spectrack.runtimes.names import Runtime, check_device
from spectrack.trackers.nanotrack.opencv import RULES as OPENCV_RULES
from spectrack.tracking.siamese import Rules

Colours = Literal["bgr", "rgb"]

PUBLISHED = {
    "v1": Rules(penalty=0.148, window=0.462, rate=0.390),
    "v2": Rules(penalty=0.150, window=0.490, rate=0.385),
    "v3": Rules(penalty=0.138, window=0.455, rate=0.348),
}
"""What goes with the published weights of each version."""


@dataclass(frozen=True, slots=True)
class NanoTrackSettings:
    """How NanoTrack follows a target; None stands for what is published for the version.

    Args:
        weights: Published weights by name, or a file; where empty, those that come with the
            package (a version 3), or the published ones of another ``version``.
        version: ``v1``, ``v2`` or ``v3``; read off the weights where ``auto``.
        opencv: As OpenCV's TrackerNano does it, which knows versions 1 and 2; the score is the
            network's with penalty and window then.
        colours: Order of the channels that the network sees: ``bgr``, as it learned them, or
            ``rgb``, as OpenCV gives them; the one or the other where ``auto``.
        penalty: Strength of the penalty on changes of size and shape.
        window: Weight of the cosine window, in [0, 1].
        rate: How fast the size follows, in [0, 1].
        score: ``overlap``, an estimate of the overlap with the true box; or ``network``, what the
            network says of the cell it chose, which is near 1 almost always. With ``opencv`` it is
            OpenCV's in any case.
        device: ``cpu``, ``cuda``, ``cuda:1``; a GPU where there is one when ``auto``.
        runtime: What runs the network: ``torch``, or ``onnx``, ONNX Runtime on the CPU (needs the
            extra ``onnx``).
    """

    weights: str = ""
    version: Literal["auto", "v1", "v2", "v3"] = "auto"
    opencv: bool = False
    colours: Literal["auto", "bgr", "rgb"] = "auto"
    penalty: float | None = None
    window: float | None = None
    rate: float | None = None
    score: Literal["overlap", "network"] = "overlap"
    device: str = "auto"
    runtime: Runtime = "torch"

    def __post_init__(self) -> None:
        check_device(self.device, self.runtime)
        if self.opencv and self.version == "v3":
            raise InputError("OpenCV's TrackerNano has no version 3; give version v1 or v2")
        rules_of(self, "v1")

    @property
    def named_weights(self) -> str:
        """The weights, chosen where they are not given."""
        if self.weights:
            return self.weights
        if self.version in ("auto", "v3") and not self.opencv:
            return "nanotrack"
        return f"nanotrack_{'v2' if self.version == 'auto' else self.version}"

    @property
    def order(self) -> Colours:
        """Order of the channels, chosen where it is not given."""
        if self.colours == "auto":
            return "rgb" if self.opencv else "bgr"
        return self.colours


def rules_of(settings: NanoTrackSettings, version: str) -> Rules:
    """How candidates are chosen and followed with weights of a version.

    Raises:
        InputError: If a setting is out of range.
    """
    usual = OPENCV_RULES if settings.opencv else PUBLISHED[version]
    given = {name: getattr(settings, name) for name in ("penalty", "window", "rate")}
    told = {name: value for name, value in given.items() if value is not None}
    return Rules(**{name: told.get(name, getattr(usual, name)) for name in given})
