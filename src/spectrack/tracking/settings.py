"""Settings of trackers from words and values: one parser, which knows the type of every field."""

from __future__ import annotations

import math
import types
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from spectrack.errors import InputError

S = TypeVar("S")

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


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


def make_settings(kind: type[S], values: Mapping[str, Any], owner: str) -> S:
    """Settings from values of the right type, or from words that stand for them.

    Args:
        kind: A frozen dataclass. A class attribute ``ALIASES`` of it maps former names of fields to
            their present ones, so that saved settings can still be read.
        values: Field to value; text is read as the field's type: numbers, ``true/yes/on/1``,
            ``false/no/off/0``, ``none`` where the field may be None.
        owner: Whose settings they are, for the error.

    Raises:
        InputError: If a field is unknown, or a value is of another type, not finite, or out of
            range.
    """
    aliases: Mapping[str, str] = getattr(kind, "ALIASES", {})
    types_of = get_type_hints(kind)
    known = [f.name for f in fields(kind) if f.init]  # type: ignore[arg-type]
    named: dict[str, Any] = {}
    for name, value in values.items():
        present = aliases.get(name, name)
        if present not in known:
            raise InputError(f"{owner} has no setting {name}; it has {', '.join(known)}")
        if present in named:
            raise InputError(f"{owner} was given {present} and {name}, which are one; give one")
        named[present] = _typed(f"{owner}: {name}", value, types_of[present])
    return kind(**named)


def values_given(settings: Any, names: Iterable[str]) -> dict[str, Any]:
    """The values that settings have for some fields.

    Args:
        settings: As :func:`make_settings` gave them.
        names: Of fields, former ones too.
    """
    aliases: Mapping[str, str] = getattr(type(settings), "ALIASES", {})
    return {name: getattr(settings, aliases.get(name, name)) for name in names}


def _typed(what: str, value: Any, wanted: Any) -> Any:
    """A value as a field's type wants it."""
    if wanted is Any:
        return value
    if get_origin(wanted) in (Union, types.UnionType):
        options = [o for o in get_args(wanted) if o is not type(None)]
        if value is None or (isinstance(value, str) and value.lower() == "none"):
            return None
        return _typed(what, value, options[0] if len(options) == 1 else Any)
    if get_origin(wanted) is Literal:
        choices = get_args(wanted)
        if value not in choices:
            raise InputError(f"{what} is {value!r}; give one of {', '.join(map(str, choices))}")
        return value
    if wanted is bool:
        return _bool(what, value)
    if wanted is int:
        return _int(what, value)
    if wanted is float:
        return _float(what, value)
    if wanted is str and not isinstance(value, str):
        raise InputError(f"{what} is {value!r}; give text")
    return value


def _bool(what: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else str(value)
    if word not in _TRUE + _FALSE:
        raise InputError(f"{what} is {value!r}; give yes or no")
    return word in _TRUE


def _int(what: str, value: Any) -> int:
    number = math.nan if isinstance(value, bool) else _number(value)
    if not number.is_integer():  # neither are NaN and infinity
        raise InputError(f"{what} is {value!r}; give a whole number")
    return int(value) if isinstance(value, str) and value.strip("+- ").isdigit() else int(number)


def _float(what: str, value: Any) -> float:
    number = math.nan if isinstance(value, bool) else _number(value)
    if not math.isfinite(number):
        raise InputError(f"{what} is {value!r}; give a finite number")
    return number


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
