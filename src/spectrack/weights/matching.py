"""Do tensors fit a network: the names that are missing, extra, or of another shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Shapes = Mapping[str, tuple[int, ...]]

SHOWN = 3
COUNTER = ".num_batches_tracked"
"""Training steps a batch norm has seen; older checkpoints lack them and running ignores them."""


@dataclass(frozen=True)
class Differences:
    """How what is given differs from what a network has.

    Args:
        missing: Names the network has and the file does not; counters of batch norms aside.
        extra: Names the file has and the network does not.
        reshaped: Names both have, with the shapes given and expected.
    """

    missing: tuple[str, ...]
    extra: tuple[str, ...]
    reshaped: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]

    def __len__(self) -> int:
        return len(self.missing) + len(self.extra) + len(self.reshaped)

    def text(self) -> str:
        """A clause for people: the counts, and the first few names."""
        shapes = [f"{n} {size(given)} for {size(own)}" for n, given, own in self.reshaped]
        parts = [
            f"{len(names)} {what} ({some(names)})"
            for names, what in (
                (self.missing, "missing"),
                (self.extra, "extra"),
                (shapes, "of another shape"),
            )
            if names
        ]
        return ", ".join(parts) or "nothing missing or extra"


def shapes_of(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor."""
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def compare(expected: Shapes, given: Shapes) -> Differences:
    """What differs, in the order of the network and of the file."""
    missing = (n for n in expected if n not in given and not n.endswith(COUNTER))
    shared = (n for n in expected if n in given)
    return Differences(
        missing=tuple(missing),
        extra=tuple(n for n in given if n not in expected),
        reshaped=tuple((n, given[n], expected[n]) for n in shared if given[n] != expected[n]),
    )


def some(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    all_names = list(names)
    more = len(all_names) - SHOWN
    return ", ".join(all_names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def size(shape: tuple[int, ...]) -> str:
    """A shape for people, such as ``512x1024x3x3``."""
    return "x".join(map(str, shape)) or "one number"
