"""Settings of trackers from words: every type, and what is no value of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import pytest

from spectrack.errors import InputError
from spectrack.settings import make_settings, split_pairs, values_given
from spectrack.tracking.table import settings_of


@dataclass(frozen=True)
class Some:
    """A field of every type that settings have."""

    ALIASES: ClassVar = {"speed": "rate"}

    steps: int = 2
    rate: float = 0.5
    feedback: bool = True
    name: str = "a"
    object_id: int | None = None
    preset: Literal["medium", "fast"] = "medium"


def made(**values):
    return make_settings(Some, values, "tracker some")


def test_pairs():
    assert split_pairs(["a=3", "b-c = x=y ", "d="]) == {"a": "3", "b_c": "x=y", "d": ""}
    for wrong in (["a"], ["=3"], ["a=1", "a=2"]):
        with pytest.raises(InputError, match="NAME=VALUE"):
            split_pairs(wrong)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("steps", "3", 3),
        ("steps", 4.0, 4),
        ("steps", "90071992547409931", 90071992547409931),
        ("rate", "1e-3", 0.001),
        ("rate", 1, 1.0),
        *(("feedback", word, True) for word in ("true", "Yes", "on", "1", True, 1)),
        *(("feedback", word, False) for word in ("false", "no", "OFF", "0", False, 0)),
        ("name", "5", "5"),
        ("object_id", "none", None),
        ("object_id", None, None),
        ("object_id", "7", 7),
        ("preset", "fast", "fast"),
    ],
)
def test_values_become_what_the_field_is(field, value, expected):
    found = getattr(made(**{field: value}), field)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("steps", "abc", "whole number"),
        ("steps", "2.5", "whole number"),
        ("steps", "nan", "whole number"),
        ("steps", "inf", "whole number"),
        ("steps", True, "whole number"),
        ("steps", [1], "whole number"),
        ("rate", "nan", "finite number"),
        ("rate", float("inf"), "finite number"),
        ("rate", "fast", "finite number"),
        ("rate", None, "finite number"),
        ("feedback", "maybe", "yes or no"),
        ("feedback", None, "yes or no"),
        ("name", 5, "text"),
        ("object_id", "x", "whole number"),
        ("preset", "slow", "one of medium, fast"),
    ],
)
def test_other_values_are_told(field, value, expected):
    with pytest.raises(InputError, match=f"tracker some: {field} is .*; give .*{expected}"):
        made(**{field: value})


def test_names_from_before_are_known_and_others_told():
    assert made(speed="0.25") == Some(rate=0.25)
    with pytest.raises(InputError, match="rate and speed, which are one"):
        made(rate=1, speed=2)
    with pytest.raises(InputError, match="has no setting colour; it has steps, rate"):
        made(colour=3)


def test_former_names_of_our_trackers_settings_are_known():
    old = settings_of("rts", found="0.2", sides=3)
    assert (old.presence, old.deviations) == (0.2, 3.0)
    assert settings_of("lwl", sides=3).deviations == 3.0
    assert settings_of("sftrack", alike=0.7).likeness == 0.7
    assert values_given(old, ["found", "presence", "area"]) == {
        "found": 0.2,
        "presence": 0.2,
        "area": old.area,
    }
