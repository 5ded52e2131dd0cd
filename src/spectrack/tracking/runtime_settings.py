"""Which runtime a tracker's networks are run by, as its settings say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from spectrack.errors import InputError
from spectrack.tracking.table import TRACKERS, tracker_entry


def with_runtime(name: str, settings: Mapping[str, Any], runtime: str) -> dict[str, Any]:
    """Settings of a tracker inside another that is run by a runtime.

    Args:
        name: Of the inner tracker.
        settings: Its own, which go before.
        runtime: Of the outer one; an inner one that knows no other than torch keeps that.
    """
    knows = runtime != "torch" and knows_runtimes(name)
    return {"runtime": runtime, **settings} if knows else dict(settings)


def with_chosen_runtime(name: str, settings: Mapping[str, Any], runtime: str) -> dict[str, Any]:
    """Settings of a tracker with the runtime that somebody asked for.

    Args:
        name: Of the tracker.
        settings: Its settings as they were given.
        runtime: See :mod:`spectrack.runtimes.names`; torch leaves the settings as they are.

    Raises:
        InputError: If its networks cannot be run so, or the settings say otherwise.
    """
    if runtime == "torch":
        return dict(settings)
    if not knows_runtimes(name):
        raise InputError(
            f"runtime {runtime} was asked for and tracker {name} knows torch alone; give one of "
            f"{', '.join(n for n in TRACKERS if knows_runtimes(n))}, or leave it out"
        )
    if settings.get("runtime", runtime) != runtime:
        raise InputError(
            f"--runtime {runtime} and the setting runtime={settings['runtime']} were given; "
            "leave one out"
        )
    return {**settings, "runtime": runtime}


def knows_runtimes(name: str) -> bool:
    """Whether the networks of a tracker can be run by others than torch."""
    return "runtime" in {one.name for one in fields(tracker_entry(name).settings)}
