"""The recipes of ``refine``, by name; each is loaded when used."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Preset:
    """One row of the table.

    Args:
        target: Import string ``module:function`` of
            ``f(frames, masks, preset=..., progress=..., fixed=...) -> Track``.
        description: One line for people.
    """

    target: str
    description: str

    def load(self) -> Any:
        """The function."""
        module, name = self.target.split(":")
        return getattr(import_module(module), name)


PRESETS: dict[str, Preset] = {
    "colour": Preset(
        "spectrack.refinement.streaming:refine_video",
        "colour affinity, flow-guided neighbours, degree normalisation; no network",
    ),
    "deep": Preset(
        "spectrack.refinement.streaming:refine_video",
        "more steps, further from the boundary; for weak input masks",
    ),
    "learned": Preset(
        "spectrack.tracking.mask_guide:refine_guided",
        "also what a network sees, as far as it is steadier than the masks; takes twice as long",
    ),
    "paper": Preset(
        "spectrack.refinement.whole_video:refine_whole",
        "SFSeg as the paper's Algorithm 1 states it",
    ),
    "published": Preset(
        "spectrack.refinement.whole_video:refine_whole",
        "SFSeg as the authors' published code does it",
    ),
}
