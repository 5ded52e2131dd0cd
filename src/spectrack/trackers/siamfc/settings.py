"""Every choice of SiamFC, named; values are the published ones, the same for every benchmark."""

from __future__ import annotations

from dataclasses import dataclass

from spectrack.errors import InputError


@dataclass(frozen=True, slots=True)
class SiamFCSettings:
    """How SiamFC follows a target (section 3 of the paper).

    Args:
        weights: Weights by name, or a file.
        scales: Search regions that are looked at, an odd number; the middle one has the last size.
        step: Size of each over the one before, above 1.
        rate: How fast the size follows, in [0, 1].
        penalty: What responses of all but the middle one are multiplied by, in (0, 1].
        window: Weight of the cosine window, in [0, 1].
        finer: Places looked at for one cell of the response, along either axis.
        device: ``cpu``, ``cuda``, ``cuda:1``; a GPU where there is one when ``auto``.
    """

    weights: str = "siamfc_alexnet"
    scales: int = 3
    step: float = 1.0375
    rate: float = 0.59
    penalty: float = 0.9745
    window: float = 0.176
    finer: int = 16
    device: str = "auto"

    def __post_init__(self) -> None:
        if not 1 <= self.scales <= 15 or self.scales % 2 == 0:
            raise InputError(f"scales is {self.scales}; give an odd number from 1 to 15")
        if not 1 < self.step <= 2:
            raise InputError(f"step is {self.step:g}; give a number above 1, at most 2")
        if not 0 < self.penalty <= 1:
            raise InputError(f"penalty is {self.penalty:g}; give a number above 0, at most 1")
        for name in ("rate", "window"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise InputError(f"{name} is {value:g}; give a number from 0 to 1")
        if not 1 <= self.finer <= 64:
            raise InputError(f"finer is {self.finer}; give 1 to 64")
