"""What the frame of a discriminative tracker is made of: its view of a target, and its two parts.

A classifier says where the target is, a refiner how large it is; ATOM, DiMP and KYS have their own
classifiers. Both read layers of one backbone, of patches whose place in the frame a view knows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import Tensor

from spectrack.tracking.first_frame import box_in_patch
from spectrack.tracking.localisation import Sighting
from spectrack.tracking.patches import PairYX, pair
from spectrack.tracking.target_state import TargetState
from spectrack.tracking.variations import FirstSamples

BoxXYWH = tuple[float, float, float, float]
Layers = Mapping[str, Tensor]
"""Maps of the backbone by the name of the layer, (N, C, h, w), one image for every patch."""


def only(layers: Layers, which: int) -> Layers:
    """Layers of one patch of many."""
    return {name: maps[which : which + 1] for name, maps in layers.items()}


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Where a patch lies in its frame, and where the target was when it was cut.

    Attributes:
        pos_yx: Place in the frame that is the middle of the patch.
        scale: Pixels of the frame for one of the patch.
        patch_hw: Size of the patch.
        last_yx: Where the target was, from the middle of the patch, in pixels of the patch.
        target_hw: Its size in pixels of the patch.
    """

    pos_yx: PairYX
    scale: float
    patch_hw: tuple[int, int]
    last_yx: PairYX
    target_hw: PairYX

    @classmethod
    def of(
        cls, pos_yx: PairYX, scale: float, patch_hw: tuple[int, int], state: TargetState
    ) -> View:
        """A patch's view of a target."""
        last = (state.pos_yx - pos_yx) / np.float32(scale)
        return cls(pos_yx, scale, patch_hw, last, state.size_hw / np.float32(scale))

    @property
    def last_box(self) -> BoxXYWH:
        """The target in the patch, where it was."""
        h, w = (float(v) for v in self.target_hw)
        cy, cx = (float(v) for v in self.last_yx + (pair(self.patch_hw) - 1) / 2)
        return cx - (w - 1) / 2, cy - (h - 1) / 2, w, h

    def box(self, pos_yx: PairYX, size_hw: PairYX) -> BoxXYWH:
        """A place and size of the frame as a box in the patch."""
        return box_in_patch(pos_yx, size_hw, self.pos_yx, self.scale, self.patch_hw)

    def in_frame(self, moved_yx: PairYX) -> PairYX:
        """The place in the frame of one told from the middle of the patch, in its pixels."""
        place: PairYX = self.pos_yx + moved_yx * np.float32(self.scale)
        return place

    def place(self, box_xywh: BoxXYWH) -> tuple[PairYX, PairYX]:
        """Centre and size in the frame of a box in the patch that was made to fit.

        Its centre is x + w / 2, half a pixel of the patch beyond where :meth:`box` has it: so the
        published trackers count, and their whole runs are met by nothing else.
        """
        x, y, w, h = box_xywh
        moved = pair((y + h / 2, x + w / 2)) - pair((pair(self.patch_hw) - 1) / 2)
        return self.in_frame(moved), pair((h, w)) * np.float32(self.scale)


class OnlineClassifier(ABC):
    """Learns on the spot what tells the target from all else; one target at a time."""

    @abstractmethod
    def start(
        self, layers: Layers, samples: FirstSamples, view: View, chance: np.random.Generator
    ) -> None:
        """Learn from the first frame; forget what was before.

        Args:
            layers: Of the samples.
            samples: Variations of the first frame.
            view: Of the sample as it is.
            chance: For what is random.
        """

    @abstractmethod
    def locate(self, layers: Layers, views: Sequence[View]) -> Sighting:
        """Where the target is.

        Args:
            layers: Of a frame's patches.
            views: Of each of them.
        """

    @abstractmethod
    def learn(self, number: int, sighting: Sighting, view: View, state: TargetState) -> None:
        """Learn from the frame last located in; called for every frame, also where it teaches none.

        Args:
            number: Of the frame, the first one is 1.
            sighting: What :meth:`locate` said.
            view: Of the patch that the target is in.
            state: Of the target in this frame, after its box was made to fit.
        """

    def follow(self, state: TargetState) -> None:  # noqa: B027 - most know no place
        """Go along with a target that was put elsewhere in the frame last learned from.

        Args:
            state: Of the target, there.
        """


class BoxRefiner(Protocol):
    """Makes a box fit."""

    def start(self, layers: Layers, box_xywh: BoxXYWH, chance: np.random.Generator) -> None:
        """Take in the first frame.

        Args:
            layers: Of the patch as it is, one image.
            box_xywh: Of the target in it.
            chance: For what is random, from here on.
        """
        ...

    def refine(self, layers: Layers, box_xywh: BoxXYWH) -> BoxXYWH | None:
        """The box that fits, from one that is near.

        Args:
            layers: Of the patch, one image.
            box_xywh: In pixels of the patch.

        Returns:
            None where none is to be trusted.
        """
        ...
