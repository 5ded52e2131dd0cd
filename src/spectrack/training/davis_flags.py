"""What recipes share that learn from the videos of DAVIS-2016, and from stills set in motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

from tyro.conf import arg

from spectrack.errors import InputError
from spectrack.training.recipes import Flag, RecipeArguments, words

if TYPE_CHECKING:
    from spectrack.datasets.base import VideoSequence
    from spectrack.datasets.davis import Davis2016
    from spectrack.datasets.synthetic.stills import Stills

PERMISSIVE_DATA = "CCP, FeralCat and clips made of them"
RESEARCH_DATA = "ECSSD, DUTS, CCP, FeralCat, DAVIS-2016 train"
CLIPS, FRAMES = 30, 40
"""Clips that stand for the sequences of DAVIS, and frames of each."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class DavisArguments(RecipeArguments):
    """Learn from the training sequences of DAVIS-2016."""

    data: Annotated[Path, arg(metavar="DATA")]
    """Folder of the data."""
    sequences: Annotated[str | None, arg(metavar="A,B")] = None
    """Only these sequences of DAVIS."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Decides every random draw."""

    def asked(self) -> dict[str, Any]:
        """What decides the outcome; recipes add their own to it."""
        return {
            "data": str(self.data.resolve()),
            "sequences": self.sequences,
            "seed": self.seed,
        }

    def davis(self, size: str = "240p") -> Davis2016:
        """The sequences that are asked for.

        Args:
            size: Of the frames, ``240p`` or ``480p``.

        Raises:
            InputError: If they are not there.
        """
        from spectrack.datasets.davis import Davis2016

        return Davis2016(self.data / "davis2016", "train", size, words(self.sequences))


@dataclass(frozen=True)
class Footage:
    """What is learned from, and what is not.

    Attributes:
        stills: To learn from; videos that are held out show none of them.
        learned: Videos to learn from.
        held_out: Videos that nothing is learned from.
    """

    stills: Stills
    learned: list[VideoSequence]
    held_out: list[VideoSequence]


@dataclass(frozen=True, kw_only=True)
class StillsArguments(DavisArguments):
    """Learn from stills, too, or from those alone that anybody may use.

    Class attributes:
        NAME: Of the recipe.
    """

    NAME: ClassVar[str]

    permissive: Flag = False
    """Only data whose terms allow any use."""

    def asked(self) -> dict[str, Any]:
        """What decides the outcome."""
        return super().asked() | {"permissive": self.permissive}

    def split(self, videos: Sequence[T]) -> tuple[list[T], list[T]]:
        """Videos to learn from, and those held out: every sixth. Recipes may choose others."""
        from spectrack.training.held_out import hold_out

        return hold_out(videos)

    def footage(self) -> Footage:
        """The stills, and the videos or what stands for them: clips made of stills.

        Clips that are held out are made of stills that are held out.

        Raises:
            InputError: If they are not there, or too few.
        """
        from spectrack.datasets.synthetic.moving_stills import MovingStills
        from spectrack.datasets.synthetic.stills import PERMISSIVE, SOURCES, Stills
        from spectrack.training.held_out import hold_out

        stills = Stills(self.data / "stills", PERMISSIVE if self.permissive else SOURCES)
        if not self.permissive:
            return Footage(stills, *self.split(list(self.davis().values())))
        kept, apart = (stills.part(numbers) for numbers in hold_out(range(len(stills))))
        if not len(apart):
            raise InputError(
                f"{len(stills)} stills of permissive terms were given, of which every sixth is "
                "held out; give six or more"
            )
        learned, held_out = (
            list(MovingStills(part, numbers, FRAMES, self.seed).values())
            for part, numbers in zip((kept, apart), self.split(range(CLIPS)), strict=True)
        )
        return Footage(kept, learned, held_out)

    def _about(self) -> dict[str, Any]:
        """What is written into the file of weights; recipes add their own to it."""
        return {
            "data": PERMISSIVE_DATA if self.permissive else RESEARCH_DATA,
            "terms": "any use" if self.permissive else "research use",
            "command": f"spectrack train {self.NAME}{' --permissive' if self.permissive else ''}",
            "seed": self.seed,
        }
