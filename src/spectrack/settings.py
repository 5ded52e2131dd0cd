"""Settings and options from words and values: one parser, which knows the type of every field."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from spectrack.errors import InputError

S = TypeVar("S")

WORDS = {"true": True, "yes": True, "on": True, "1": True} | {
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
EXPECTED = {
    str: "text",
    bool: "yes or no",
    int: "a whole number",
    float: "a finite number",
    NoneType: "none",
}


def split_pairs(pairs: Iterable[str], flag: str = "--set") -> dict[str, str]:
    """Names and texts from ``NAME=VALUE``; hyphens in names are underscores.

    Args:
        pairs: As people write them.
        flag: Where they were written, for the error.

    Raises:
        InputError: If there is no ``=`` or a name is given twice.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name = name.strip().replace("-", "_")
        if not (equals and name) or name in found:
            raise InputError(f"{flag} {pair} was given; expected NAME=VALUE, each name once")
        found[name] = value.strip()
    return found


def make_settings(
    kind: type[S],
    values: Mapping[str, Any],
    owner: str,
    noun: str = "setting",
    besides: Iterable[str] = (),
) -> S:
    """Settings from values of the right type, or from words that stand for them.

    Args:
        kind: A frozen dataclass; fields of str, bool, int, float, ``Literal``, or one of these or
            None. A class attribute ``ALIASES`` of it maps former names of fields to their present
            ones, so that saved settings can still be read.
        values: Field to value; text is read as the field's type: numbers, ``true/yes/on/1``,
            ``false/no/off/0``, ``none`` where the field may be None.
        owner: Whose settings they are, for the error.
        noun: What one of them is called.
        besides: Names that the owner knows, too.

    Raises:
        InputError: If a field is unknown, or a value is of another type, not finite, or out of
            range.
    """
    aliases: Mapping[str, str] = getattr(kind, "ALIASES", {})
    hints = get_type_hints(kind)
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    named: dict[str, Any] = {}
    for name, value in values.items():
        present = aliases.get(name, name)
        if present not in known:
            raise InputError(
                f"{owner} has no {noun} {name}; it has {', '.join([*besides, *known])}"
            )
        if present in named:
            raise InputError(f"{owner} was given {present} and {name}, which are one; give one")
        try:
            named[present] = _value(value, hints[present])
        except ValueError:
            raise InputError(
                f"{owner}: {name} is {value!r}; give {expected(hints[present])}"
            ) from None
    return kind(**named)


def values_given(settings: Any, names: Iterable[str]) -> dict[str, Any]:
    """The values that settings have for some fields.

    Args:
        settings: As :func:`make_settings` gave them.
        names: Of fields, former ones too.
    """
    aliases: Mapping[str, str] = getattr(type(settings), "ALIASES", {})
    return {name: getattr(settings, aliases.get(name, name)) for name in names}


def expected(hint: Any) -> str:
    """What a field of this type takes, in words: ``a whole number or none``."""
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
    if hint is Any:
        return given
    if get_origin(hint) is Literal:
        for one in get_args(hint):
            if given in (one, str(one)):
                return one
        raise ValueError
    if _is_union(hint):
        # None first: the word stands for it even where a field takes any text.
        for one in sorted(get_args(hint), key=lambda kind: kind is not NoneType):
            try:
                return _value(given, one)
            except ValueError:
                continue
        raise ValueError
    if hint is NoneType:
        if given is None or (isinstance(given, str) and given.lower() == "none"):
            return None
        raise ValueError
    if hint is bool:
        return _truth(given)
    if hint in (int, float):
        return _number(given, hint)
    if isinstance(hint, type) and not isinstance(given, hint):
        raise ValueError
    return given


def _truth(given: Any) -> bool:
    word = str(given).strip().lower() if isinstance(given, str | int) else ""
    if word not in WORDS:
        raise ValueError
    return WORDS[word]


def _number(given: Any, kind: type[int] | type[float]) -> int | float:
    if isinstance(given, bool):
        raise ValueError
    try:
        number = float(given)
    except (TypeError, OverflowError) as error:
        raise ValueError from error
    if not math.isfinite(number):
        raise ValueError
    if kind is float:
        return number
    if not number.is_integer():
        raise ValueError
    try:
        return int(given)  # exact where it has more digits than a float
    except ValueError:
        return int(number)


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, UnionType)
