"""Every choice of SiamRPN and SiamRPN++, named; values are the published ones by benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from spectrack.errors import InputError
from spectrack.trackers.siamrpn.network import Backbone
from spectrack.tracking.siamese import Rules

PUBLISHED: Mapping[Backbone, Mapping[str, Rules]] = {
    "alexnet": {
        "vot": Rules(penalty=0.16, window=0.40, rate=0.30),
        "otb": Rules(penalty=0.16, window=0.40, rate=0.30),
    },
    "resnet50": {
        "vot": Rules(penalty=0.05, window=0.42, rate=0.38),
        "otb": Rules(penalty=0.24, window=0.50, rate=0.25),
        "lt": Rules(penalty=0.05, window=0.28, rate=0.22),
        "8gpus": Rules(penalty=0.04, window=0.44, rate=0.33),
        "16gpus": Rules(penalty=0.01, window=0.40, rate=0.38),
    },
}
"""By backbone and preset; the last two go with weights that were trained on 8 or 16 GPUs."""
WEIGHTS: Mapping[Backbone, str] = {
    "alexnet": "siamrpn_alex_dwxcorr",
    "resnet50": "siamrpn_r50_l234_dwxcorr",
}


@dataclass(frozen=True, slots=True)
class SiamRPNSettings:
    """How SiamRPN follows a target; None stands for what the preset says.

    Args:
        weights: Published weights by name, or a file; where empty, those of the preset.
        backbone: ``alexnet`` (SiamRPN) or ``resnet50`` (SiamRPN++).
        preset: Values that were published for a benchmark: ``vot`` or ``otb``; of SiamRPN++ also
            ``lt`` (long-term: looks far around when it has lost the target), ``8gpus`` and
            ``16gpus`` (for VOT, with weights from so many). ``auto`` is what goes with the weights.
        penalty: Strength of the penalty on changes of size and shape.
        window: Weight of the cosine window, in [0, 1].
        rate: How fast the size follows, in [0, 1].
        low: Of ``lt``: with a score below it the target is lost,
        high: and with one above it is there again.
        device: ``cpu``, ``cuda``, ``cuda:1``; a GPU where there is one when ``auto``.
    """

    weights: str = ""
    backbone: Backbone = "alexnet"
    preset: Literal["auto", "vot", "otb", "lt", "8gpus", "16gpus"] = "auto"
    penalty: float | None = None
    window: float | None = None
    rate: float | None = None
    low: float = 0.8
    high: float = 0.998
    device: str = "auto"

    def __post_init__(self) -> None:
        presets = PUBLISHED[self.backbone]
        if self.preset not in ("auto", *presets):
            raise InputError(
                f"preset is {self.preset!r}, which {self.backbone} does not have; "
                f"give auto, {', '.join(presets)}"
            )
        if not 0 <= self.low <= self.high <= 1:
            raise InputError(
                f"low and high are {self.low:g} and {self.high:g}; give 0 <= low <= high <= 1"
            )
        rules_of(self, "vot")

    @property
    def named_weights(self) -> str:
        """The weights, chosen where they are not given."""
        suffix = f"_{self.preset}" if self.preset in ("otb", "lt") else ""
        return self.weights or WEIGHTS[self.backbone] + suffix


def rules_of(settings: SiamRPNSettings, usual: str) -> Rules:
    """How candidates are chosen and followed.

    Args:
        settings: May leave values and preset open.
        usual: The preset that goes with the weights.

    Raises:
        InputError: If a setting is out of range.
    """
    preset = usual if settings.preset == "auto" else settings.preset
    rules = PUBLISHED[settings.backbone][preset]
    return rules.given(settings.penalty, settings.window, settings.rate)
