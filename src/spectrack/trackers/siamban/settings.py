"""Every choice of SiamBAN, named; values are the published ones, by benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spectrack.tracking.siamese import Rules

PUBLISHED = {
    "vot2018": Rules(
        penalty=0.08513642556896711, window=0.4632532824922313, rate=0.44418184746462425
    ),
    "vot2019": Rules(
        penalty=0.0012159181005195463, window=0.334450048565355, rate=0.46386814967815493
    ),
    "otb": Rules(penalty=0.020530504470126613, window=0.3850733326567302, rate=0.4730770315643308),
}
"""By preset, as the authors' search found them; the first two are of the same weights."""
OTB_WEIGHTS = "siamban_r50_l234_otb"


@dataclass(frozen=True, slots=True)
class SiamBANSettings:
    """How SiamBAN follows a target; None stands for what the preset says.

    Args:
        weights: Published weights by name, or a file.
        preset: Values that were published for a benchmark: ``vot2018``, ``vot2019`` or ``otb``.
            ``auto`` is OTB's with the weights that are for it, VOT2018's with others.
        penalty: Strength of the penalty on changes of size and shape.
        window: Weight of the cosine window, in [0, 1].
        rate: How fast the size follows, in [0, 1].
        device: ``cpu``, ``cuda``, ``cuda:1``; a GPU where there is one when ``auto``.
    """

    weights: str = "siamban_r50_l234"
    preset: Literal["auto", "vot2018", "vot2019", "otb"] = "auto"
    penalty: float | None = None
    window: float | None = None
    rate: float | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        _ = self.rules  # says what is out of range

    @property
    def rules(self) -> Rules:
        """How candidates are chosen and followed.

        Raises:
            InputError: If a setting is out of range.
        """
        usual = "otb" if self.weights == OTB_WEIGHTS else "vot2018"
        return PUBLISHED[usual if self.preset == "auto" else self.preset].given(
            self.penalty, self.window, self.rate
        )
