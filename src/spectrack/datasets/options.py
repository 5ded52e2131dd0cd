"""Options of a data set from what was given: names that exist, values of the field's type."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from spectrack.errors import InputError

OptionsT = TypeVar("OptionsT")

WORDS = {"yes": True, "on": True, "true": True, "1": True} | {
    "no": False,
    "off": False,
    "false": False,
    "0": False,
}
EXPECTED = {
    str: "a word",
    bool: "yes or no",
    int: "a whole number",
    float: "a number",
    NoneType: "none",
}


def read_options(name: str, kind: type[OptionsT], given: Mapping[str, Any]) -> OptionsT:
    """Options of a data set.

    Args:
        name: Of the data set, for what is said of mistakes.
        kind: Its dataclass of options; fields of str, bool, int, float, ``Literal`` or these or
            None.
        given: Field to value, or to a word that stands for it: ``"no"``, ``"5"``, ``"none"``.

    Raises:
        InputError: If there is no such field, or the value is not what the field takes.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    hints = get_type_hints(kind)
    values = {}
    for option, value in given.items():
        if option not in known:
            raise InputError(
                f"data set {name} has no option {option!r}; it has "
                f"{', '.join(['sequences', *known])}"
            )
        try:
            values[option] = _value(value, hints[option])
        except ValueError:
            raise InputError(
                f"option {option} of data set {name} was given {value!r}; expected "
                f"{expected(hints[option])}"
            ) from None
    return kind(**values)


def expected(hint: Any) -> str:
    """What a field takes, in words: ``a whole number or none``."""
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    if _is_union(hint):
        return " or ".join(expected(one) for one in get_args(hint))
    return EXPECTED.get(hint, str(hint))


def _value(given: Any, hint: Any) -> Any:
    """A value of the type.

    Raises:
        ValueError: If it is none.
    """
    if get_origin(hint) is Literal:
        for one in get_args(hint):
            if given in (one, str(one)):
                return one
        raise ValueError
    if _is_union(hint):
        # None first: the word stands for it even where a field takes any word.
        for one in sorted(get_args(hint), key=lambda kind: kind is not NoneType):
            try:
                return _value(given, one)
            except ValueError:
                continue
        raise ValueError
    if hint is NoneType:
        if given is None or given == "none":
            return None
        raise ValueError
    if isinstance(given, str) and hint is not str:
        return _of_word(given, hint)
    if isinstance(given, bool) is not (hint is bool):
        raise ValueError
    if isinstance(given, int) and hint is float:
        return float(given)
    if not isinstance(given, hint):
        raise ValueError
    return given


def _of_word(word: str, hint: Any) -> bool | int | float:
    if hint is bool and word.lower() in WORDS:
        return WORDS[word.lower()]
    if hint is int:
        return int(word)
    if hint is float and math.isfinite(float(word)):
        return float(word)
    raise ValueError


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, UnionType)
