"""What the result folder of a session holds, and whether that is what the session says now."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from spectrack.app.views import Views
from spectrack.tracks import INFO


@dataclass(frozen=True, slots=True)
class Published:
    """What a result folder tells of itself.

    Args:
        tracker: Whose answers it holds; None where there is no result.
        objects: Numbers of its objects.
        state: See :func:`state_of`; empty where a result is of before this was kept.
    """

    tracker: str | None = None
    objects: tuple[int, ...] = ()
    state: str = ""


def read_published(result: Path) -> Published:
    """What a result folder holds; nothing where there is none, or none that can be read."""
    try:
        objects = json.loads((result / INFO).read_text())["objects"]
        made = next(iter(objects.values()))
        numbers = tuple(int(number) for number in objects)
        return Published(str(made["tracker"]), numbers, str(made.get("state", "")))
    except (OSError, StopIteration, KeyError, TypeError, ValueError, AttributeError):
        return Published()


def answered(views: Views, objects: list[int], tracker: str) -> list[int]:
    """The objects of which a tracker has answered a span."""
    return [i for i in objects if any(views.is_done(s, tracker) for s in views.spans(i))]


def unanswered(views: Views, objects: list[int], tracker: str) -> tuple[int, ...]:
    """The objects of which a span is not answered, or that have none."""
    done = {i: [views.is_done(s, tracker) for s in views.spans(i)] for i in objects}
    return tuple(i for i, spans in done.items() if not spans or not all(spans))


def state_of(views: Views, objects: list[int], tracker: str) -> str:
    """A word that is another one where a result of these objects would be another."""
    spans = {
        i: [(s.digest(tracker), views.is_done(s, tracker)) for s in views.spans(i)] for i in objects
    }
    return hashlib.sha256(json.dumps(spans).encode()).hexdigest()[:16]


def is_due(kept: Published, views: Views, objects: list[int], tracker: str) -> bool:
    """Whether a result misses a step, as where the page was closed before it was written."""
    gone = any(i not in objects for i in kept.objects)
    shown = answered(views, objects, tracker)
    return gone or (bool(shown) and kept.state != state_of(views, shown, tracker))
