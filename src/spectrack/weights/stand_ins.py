"""What a checkpoint is made of once read: plain values, names, and stand-ins that do nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class GlobalName:
    """The name of a class or function; never the thing itself."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False, slots=True)
class StandIn:
    """What is left of an object of an unknown class: its name and what it was given.

    Args:
        name: Class or function, e.g. ``"ltr.admin.model_constructor.NetConstructor"``.
        arguments: What it would have been called with.
        state: What its attributes would have been, most often a dict.
        items: What would have been appended or set in it; pairs where it is like a dict.
    """

    name: str
    arguments: tuple[Any, ...] = ()
    state: Any = None
    items: list[Any] = field(default_factory=list)

    def append(self, item: Any) -> None:
        """Keep an item."""
        self.items.append(item)

    def extend(self, items: list[Any]) -> None:
        """Keep items."""
        self.items.extend(items)

    def get(self, attribute: str) -> Any:
        """An attribute of its state; None where there is none."""
        return self.state.get(attribute) if isinstance(self.state, dict) else None


def described(value: Any, depth: int = 6, room: list[int] | None = None) -> Any:
    """What a value says, as JSON can hold it; whatever its size, the answer is small.

    Args:
        value: Anything a checkpoint holds.
        depth: How far to go into containers.
        room: How many values may still be described; shared by all parts of one value.
    """
    room = [500] if room is None else room
    room[0] -= 1
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else "a large number"
    if isinstance(value, str):
        return value if len(value) <= 200 else f"{value[:200]}..."
    if isinstance(value, GlobalName):
        return described(str(value))
    if depth == 0 or room[0] <= 0:
        return "..."
    if isinstance(value, StandIn):
        parts = {"class": value.name, "arguments": value.arguments, "state": value.state}
        return described({k: v for k, v in parts.items() if v}, depth, room)
    if isinstance(value, dict):
        pairs = list(value.items())[: room[0]]
        return {str(described(k, 1, room)): described(v, depth - 1, room) for k, v in pairs}
    if isinstance(value, list | tuple | set | frozenset):
        return [described(v, depth - 1, room) for v in list(value)[: room[0]]]
    return f"({type(value).__name__})"
