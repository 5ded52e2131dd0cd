"""Every choice of FEAR, named; values are the published ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spectrack.errors import InputError
from spectrack.runtimes.names import Runtime, check_device


@dataclass(frozen=True, slots=True)
class FEARSettings:
    """How FEAR follows a target.

    Args:
        weights: ``fear``, which come with the package; the published ones by name (``fear_xs``,
            ``fear_xs_noembs``), or a file.
        smooth: Prefer boxes of the last size and near the middle, and change the size slowly; the
            published program has this off.
        penalty: How much a change of size or shape counts against a box, where ``smooth``.
        window: Share of the cosine window in the choice of a box, where ``smooth``.
        rate: How much of a new size is taken over at most, where ``smooth``.
        score: ``overlap``, an estimate of the overlap with the true box; or ``network``, what the
            network says of the cell it chose, which is near 1 almost always.
        device: ``cpu``, ``cuda``, ``cuda:1``; a GPU where there is one when ``auto``.
        runtime: What runs the network: ``torch``, or ``onnx``, ONNX Runtime on the CPU (needs the
            extra ``onnx``).
    """

    weights: str = "fear"
    smooth: bool = False
    penalty: float = 0.062
    window: float = 0.38
    rate: float = 0.765
    score: Literal["overlap", "network"] = "overlap"
    device: str = "auto"
    runtime: Runtime = "torch"

    def __post_init__(self) -> None:
        check_device(self.device, self.runtime)
        if not self.penalty >= 0:
            raise InputError(f"penalty is {self.penalty}; give 0 or more")
        for name in ("window", "rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is {getattr(self, name)}; give 0 to 1")
