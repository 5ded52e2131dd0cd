"""Every choice of pixel-wise tracking, named, and the sizes of its networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from spectrack.errors import InputError

NETWORKS: dict[str, dict[str, Any]] = {
    "paper": {
        "kind": "pixelwise",
        "extractor": "vgg16",
        "side": 224,
        "maps": 512,
        "memory": 256,
        "decoder": [128, 64, 32],
        "skips": False,
        "map_side": 224,
        "convolutions": [8, 16, 32, 64],
        "attention": 64,
        "full": 1024,
        "relative": False,
    },
    "small": {
        "kind": "pixelwise",
        "extractor": "mobilenet_v2",
        "side": 192,
        "maps": 96,
        "memory": 64,
        "decoder": [48, 32, 16],
        "skips": True,
        "map_side": 112,
        "convolutions": [8, 16, 16, 32],
        "attention": 32,
        "full": 128,
        "relative": True,
    },
}
"""Sizes by name, as :func:`spectrack.weights.described.make_network` takes them. ``paper`` is
Table 1. ``small`` is for CPUs: MobileNetV2, a decoder that sees the finer features too, and a
global network that corrects the place of the last map instead of naming one from nothing."""


@dataclass(frozen=True, slots=True)
class PixelwiseSettings:
    """How pixel-wise tracking follows a target (Song, Li and Wang, section 5, Algorithm 1).

    The paper leaves open how the target is told to be out of sight. Here it is found where it
    fills some of the region; while it is not, the region stays where it was and grows slowly.

    Args:
        weights: By name, or a file that `spectrack train pixelwise` wrote.
        predictor: What says where the region goes: ``global``, the network, or ``mean``, the centre
            of the last mask's probabilities (Eq. 5) with a region of fixed size: the paper's
            one-stage benchmark.
        beta: Share of the newly predicted place in the smoothed one, above 0, at most 1.
        context: Side of the region in sides of the anchor that lies on the target; the paper
            trains with 2.
        smallest: Least side of the region, pixels of the frame;
        largest: and the largest; 0 for none.
        presence: Share of the region that the mask has to fill for the target to be found.
        growth: Factor by which the region grows a frame while the target is lost,
        reach: and how many times its side it becomes at most.
        device: ``cpu``, ``cuda``, ``cuda:1``; a GPU where there is one when ``auto``.
        half: bfloat16 in the convolutions: faster, where the machine can.
    """

    weights: str = "pixelwise"
    predictor: Literal["global", "mean"] = "global"
    beta: float = 0.8
    context: float = 2.0
    smallest: float = 56.0
    largest: float = 672.0
    presence: float = 0.001
    growth: float = 1.03
    reach: float = 2.0
    device: str = "auto"
    half: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.beta <= 1:
            raise InputError(f"beta is {self.beta}; give one above 0, at most 1")
        if not 0 <= self.presence < 1:
            raise InputError(f"presence is {self.presence}; give a share of at least 0, below 1")
        for name in ("context", "growth", "reach"):
            if not 1 <= getattr(self, name) <= 100:
                raise InputError(f"{name} is {getattr(self, name)}; give 1 to 100")
        if not 2 <= self.smallest <= (self.largest or self.smallest):
            raise InputError(
                f"the region has sides of {self.smallest} to {self.largest} pixels; "
                "give rising ones from 2 on, or 0 for no largest"
            )
