"""The learning rate over the epochs as PySOT's line has it: a geometric rise, a geometric fall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spectrack.errors import InputError


@dataclass(frozen=True, slots=True)
class WarmUp:
    """How the rate goes; the values are SiamRPN++'s (Li et al., CVPR 2019, section 4.1).

    Args:
        epochs: In which it rises.
        start: Rate of the first epoch.
        peak: What it rises to.
        last: Rate of the last epoch.
    """

    epochs: int = 5
    start: float = 1e-3
    peak: float = 5e-3
    last: float = 5e-4

    def __post_init__(self) -> None:
        rates = (self.start, self.peak, self.last)
        if self.epochs < 0 or min(rates) <= 0:
            raise InputError(
                f"a schedule rises in {self.epochs} epochs between the rates {rates}; "
                "give 0 epochs or more and rates above 0"
            )

    def rates(self, epochs: int) -> tuple[float, ...]:
        """One an epoch. With so few that half would be spent on rising, half of them rise.

        Args:
            epochs: In all.
        """
        rising = min(self.epochs, epochs // 2)
        steps = np.arange(rising) / max(rising, 1)
        rise = self.start * (self.peak / self.start) ** steps
        fall = np.geomspace(self.peak, self.last, epochs - rising)
        return tuple(float(rate) for rate in (*rise, *fall))
