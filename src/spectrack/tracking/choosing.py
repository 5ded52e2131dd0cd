"""Trackers for several objects: by a name, an instance, or what makes one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from spectrack.errors import InputError
from spectrack.tracking.base import Tracker
from spectrack.tracking.table import make_tracker

TrackerChoice = str | Tracker | Callable[[], Tracker]
"""A name in the table, a fresh tracker for one object, or what makes a fresh one for each."""


def trackers_for(
    objects: Iterable[int], tracker: TrackerChoice, settings: Mapping[str, Any]
) -> dict[int, Tracker]:
    """A fresh tracker for every object.

    Args:
        objects: Their ids.
        tracker: See :data:`TrackerChoice`.
        settings: Of a tracker that is named; others come with theirs.

    Raises:
        InputError: If the name or a setting is unknown, settings come with anything but a name,
            one instance is given for several objects, or what is called makes no fresh tracker.
    """
    keys = list(objects)
    if isinstance(tracker, str):
        return {key: make_tracker(tracker, **settings) for key in keys}
    given = tracker.__name__ if isinstance(tracker, type) else type(tracker).__name__
    if settings:
        raise InputError(
            f"settings {', '.join(settings)} were given beside a tracker that is made already "
            f"({given}); give them to it, or name a tracker"
        )
    if isinstance(tracker, Tracker):
        if len(keys) > 1:
            raise InputError(
                f"one {given} was given for {len(keys)} objects; "
                "give what makes one, such as its class or a function without arguments"
            )
        return dict.fromkeys(keys, tracker)
    if not callable(tracker):
        raise InputError(
            f"a {given} was given as tracker; give a name, a Tracker, or a function that makes one"
        )
    made: dict[int, Tracker] = {}
    for key in keys:
        one: Any = tracker()
        if not isinstance(one, Tracker) or any(one is other for other in made.values()):
            what = type(one).__name__ + (" twice, the same" if isinstance(one, Tracker) else "")
            raise InputError(
                f"the function given as tracker made a {what}; it has to make a fresh Tracker "
                "for every object"
            )
        made[key] = one
    return made


def name_of(tracker: TrackerChoice, trackers: Mapping[int, Tracker]) -> str:
    """What ``track.json`` calls a tracker: its name in the table, else that of its class."""
    return tracker if isinstance(tracker, str) else type(next(iter(trackers.values()))).__name__
