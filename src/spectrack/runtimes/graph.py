"""What of a network becomes a graph: a function of tensors, and which of their axes have any size.

Axes are numbers where they are fixed, and words where they are not: ``"n"`` is any size, ``"32h"``
any multiple of 32. A letter means the same size wherever it stands in one graph.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from spectrack.networks.folding import folded

Axis = int | str
Sizes = Mapping[str, int]
"""Letter to its number, e.g. ``{"n": 2, "h": 8}``; the axis ``"32h"`` has 256 then."""

USUAL: Sizes = {"n": 2, "h": 4, "w": 5, "t": 7}
"""Sizes that graphs are made with; no two alike, and none 0 or 1, which are special to tracing."""
CHECKED: tuple[Sizes, ...] = (
    {"n": 1, "h": 5, "w": 3, "t": 9},
    {"n": 3, "h": 3, "w": 6, "t": 20},
)
"""Sizes that graphs are checked at."""


@dataclass(frozen=True, slots=True)
class Given:
    """One tensor that goes into a graph, float32 or int64.

    Args:
        axes: See the module's text; none for a number by itself.
        low: Least value that it usually has,
        high: and the greatest; for examples, nothing is checked.
        whole: Whether it holds whole numbers, int64.
    """

    axes: tuple[Axis, ...]
    low: float = 0.0
    high: float = 1.0
    whole: bool = False

    def shape(self, sizes: Sizes) -> tuple[int, ...]:
        """Its shape at some sizes."""
        return tuple(_number(axis, sizes) for axis in self.axes)

    def example(self, sizes: Sizes, numbers: torch.Generator) -> Tensor:
        """A random one, even over its range."""
        share = torch.rand(self.shape(sizes), generator=numbers)
        found = self.low + (self.high - self.low) * share
        return found.long() if self.whole else found

    def words(self) -> list[str]:
        """Its axes for people: ``["1", "3", "32*h", "32*w"]``."""
        return [_word(axis) for axis in self.axes]


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A function of a network.

    Args:
        name: What it is called.
        function: Of the network and the tensors; gives one or several. Without sizes that are
            known to Python alone, so that it holds for all.
        inputs: Name to what goes in, in the order of the function's arguments.
        outputs: Names of what comes out.
        sizes: Sizes that it is made with where the usual ones do not fit.
        checked: The same of the sizes that it is checked at.
    """

    name: str
    function: Callable[..., Tensor | Sequence[Tensor]]
    inputs: Mapping[str, Given]
    outputs: tuple[str, ...]
    sizes: Sizes | None = None
    checked: tuple[Sizes, ...] = CHECKED

    def fixed(self, **sizes: int) -> Graph:
        """The same for some sizes only, which is traced in much less time.

        Args:
            **sizes: Letters and their numbers; other letters stay free.
        """
        inputs = {
            name: replace(one, axes=tuple(_fixed(axis, sizes) for axis in one.axes))
            for name, one in self.inputs.items()
        }
        return replace(self, inputs=inputs)

    def answer(self, network: nn.Module, *tensors: Tensor) -> tuple[Tensor, ...]:
        """What torch says."""
        found = self.function(network, *tensors)
        return (found,) if isinstance(found, Tensor) else tuple(found)

    def example(self, sizes: Sizes, seed: int = 0) -> tuple[Tensor, ...]:
        """Random tensors that may go in, even over the range of each."""
        numbers = torch.Generator().manual_seed(seed)
        return tuple(one.example(sizes, numbers) for one in self.inputs.values())


def plain(network: nn.Module) -> nn.Module:
    """A copy that answers the same up to rounding, with what can be folded into weights folded."""
    if next(network.parameters(), None) is None:
        return network  # there are no weights to fold anything into
    return folded(network)


def parsed(axis: str) -> tuple[int, str]:
    """Factor and letter of an axis of any size: ``"32h"`` to (32, "h")."""
    found = re.fullmatch(r"(\d*)([a-z])", axis)
    if found is None:
        raise ValueError(f"{axis!r} is no axis; give a letter, with a number before it or not")
    return int(found[1] or 1), found[2]


def _number(axis: Axis, sizes: Sizes) -> int:
    if isinstance(axis, int):
        return axis
    factor, letter = parsed(axis)
    return factor * sizes[letter]


def _fixed(axis: Axis, sizes: Sizes) -> Axis:
    known = isinstance(axis, int) or parsed(axis)[1] in sizes
    return _number(axis, sizes) if known else axis


def _word(axis: Axis) -> str:
    if isinstance(axis, int):
        return str(axis)
    factor, letter = parsed(axis)
    return letter if factor == 1 else f"{factor}*{letter}"
