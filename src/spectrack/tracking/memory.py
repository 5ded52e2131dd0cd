"""The memory of a tracker that learns online: samples, their weights, and which one makes room.

All that belongs to a sample lies in buffers made once, so memory is bounded and learning reads one
block. New samples count by a learning rate, so that older ones fade; those of the first frame can
be given a share they never fall below.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.errors import InputError

Replace = Literal["lightest", "oldest"]


class SampleWeights:
    """Weights of the samples of a memory, and the place of the next one.

    Args:
        capacity: Samples the memory holds.
        rate: Weight of a new sample against all others, over 0 and below 1.
        floor: Share the first ``protected`` samples keep together; 0 for none.
        protected: How many samples the first frame gave.
        keep_first: Never replace the protected samples, even where they have no floor.
        replace: What makes room in a full memory: the sample of the smallest weight, or the oldest.
        equal_first: The first sample after the initial ones counts as much as they together
            (LWL started from a box).
    """

    def __init__(
        self,
        capacity: int,
        rate: float,
        floor: float = 0.0,
        protected: int = 0,
        keep_first: bool = False,
        replace: Replace = "lightest",
        equal_first: bool = False,
    ) -> None:
        if not 0 < rate < 1:
            raise InputError(f"the memory's learning rate is {rate}; give one over 0 and below 1")
        if capacity < protected + 1:
            raise InputError(
                f"a memory of {capacity} has no room beside {protected} first samples; give more"
            )
        self._w = np.zeros(capacity, dtype=np.float32)
        self._w[:protected] = np.float32(1 / protected) if protected else 0
        self._rate, self._floor, self._protected = rate, floor, protected
        self._kept = protected if floor > 0 or keep_first else 0
        self._replace, self._equal_first = replace, equal_first
        self._last: int | None = None
        self._next_oldest = self._kept
        self.stored = protected

    @property
    def values_n(self) -> NDArray[np.float32]:
        """Weights of the samples stored, float32 (stored,).

        Their sum is 1, or nearly so while the floor holds the first ones up.
        """
        return self._w[: self.stored]

    def insert(self, rate: float | None = None) -> int:
        """Make room for a sample and weigh all anew.

        Args:
            rate: Another learning rate for this sample.

        Returns:
            The sample's place.
        """
        w = self._w
        share = np.float32(self._rate if rate is None else rate)
        place = self._place()
        if self._last is not None:
            w[place] = w[self._last] / (1 - share)
        elif self._equal_first:
            w[place] = 1
        else:
            w /= 1 - share
            w[place] = share
        w /= w.sum()
        first = slice(0, self._protected)
        if self._floor > 0 and w[first].sum() < self._floor:
            w /= np.float32(self._floor) + w[self._protected :].sum()
            w[first] = self._floor / self._protected
        self.stored = max(self.stored, place + 1)
        self._last = place
        return place

    def _place(self) -> int:
        if self.stored < len(self._w):
            return self.stored
        if self._replace == "lightest":
            return self._kept + int(self._w[self._kept :].argmin())
        place = self._next_oldest
        self._next_oldest = place + 1 if place + 1 < len(self._w) else self._kept
        return place


class SampleMemory:
    """Samples and their weights in fixed space.

    Args:
        weights: How samples are weighed and replaced.
        capacity: As many as ``weights`` holds.
        first: Named tensors of the first frame's samples, all of shape (N, ...) with the N that
            ``weights`` protects; what later samples hold has the same names, shapes and types.
    """

    def __init__(self, weights: SampleWeights, capacity: int, first: dict[str, Tensor]) -> None:
        self.weights = weights
        self._buffers = {
            name: tensor.new_zeros((capacity, *tensor.shape[1:])) for name, tensor in first.items()
        }
        for name, tensor in first.items():
            self._buffers[name][: len(tensor)] = tensor

    @property
    def stored(self) -> int:
        """How many samples there are."""
        return self.weights.stored

    def add(self, rate: float | None = None, **sample: Tensor) -> int:
        """Take a sample in, in place of another where the memory is full; returns its place.

        Args:
            rate: See :meth:`SampleWeights.insert`.
            **sample: Every tensor of the memory, of shape (1, ...).
        """
        place = self.weights.insert(rate)
        for name, buffer in self._buffers.items():
            buffer[place] = sample[name][0]
        return place

    def __getitem__(self, name: str) -> Tensor:
        """One tensor of all samples stored, (stored, ...); a view."""
        return self._buffers[name][: self.stored]

    def weights_n(self, name: str) -> Tensor:
        """Weights of the samples, float32 (stored,), on the device of a tensor of the memory."""
        return torch.from_numpy(self.weights.values_n.copy()).to(self._buffers[name].device)
