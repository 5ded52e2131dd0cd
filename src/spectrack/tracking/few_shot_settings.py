"""What the settings of RTS and LWL have in common: their checks, and numbers of the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from spectrack.errors import InputError


def check_learning(settings: object, *positive: str) -> None:
    """Check the fields that RTS and LWL have in common.

    Raises:
        InputError: If one is out of range.
    """
    values = {name: getattr(settings, name) for name in positive}
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{name} is {value}; give a number over 0")
    s = {name: getattr(settings, name) for name in ("slowest", "fastest", "rate", "share")}
    if not 0 < s["slowest"] <= 1 <= s["fastest"] < math.inf:
        raise InputError(
            f"slowest is {s['slowest']} and fastest {s['fastest']}; give one from 0 to 1 and one "
            "from 1 on"
        )
    if not s["rate"] < 1:
        raise InputError(f"rate is {s['rate']}; give one below 1")
    if not 0 <= s["share"] < 1:
        raise InputError(f"share is {s['share']}; give one from 0 to below 1")
    for name in ("first_steps", "steps", "height", "width", "search"):
        value = getattr(settings, name)
        if not (math.isfinite(value) and value >= 0):
            raise InputError(f"{name} is {value}; give 0 or more")
        if name in ("height", "width") and value % 32:
            raise InputError(f"{name} is {value}; give a multiple of 32")
    if values["memory"] < 2:
        raise InputError(f"memory is {values['memory']}; give 2 or more")


S = TypeVar("S")


def complete(settings: S, values: Mapping[str, float]) -> S:
    """Settings with these values where they are zero; whole numbers stay whole."""
    changed = {
        name: type(getattr(settings, name))(value)
        for name, value in values.items()
        if hasattr(settings, name) and not getattr(settings, name)
    }
    return replace(settings, **changed)  # type: ignore[type-var]
