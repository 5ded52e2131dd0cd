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
        guide: Import string ``module:class`` of what looks at each frame for the filter, without
            arguments; None where nothing does. Every object has one of its own.
    """

    target: str
    description: str
    guide: str | None = None

    def load(self) -> Any:
        """The function."""
        return _named(self.target)

    def make_guide(self) -> Any:
        """A guide for one object; None where the recipe has none."""
        return None if self.guide is None else _named(self.guide)()


def _named(string: str) -> Any:
    module, name = string.split(":")
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
        "spectrack.refinement.streaming:refine_video",
        "also what a network sees, as far as it is steadier than the masks; slower",
        guide="spectrack.tracking.mask_guide:MaskGuide",
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
