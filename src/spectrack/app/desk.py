"""What one page looks at and how it turns events into steps; no GUI is known here."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectrack.app import texts
from spectrack.app.keys import Click
from spectrack.app.studio import Studio
from spectrack.app.views import split
from spectrack.errors import InputError
from spectrack.spectral.doubt import most_doubtful
from spectrack.structures import Box
from spectrack.video.draw import object_color

LOOKS, APART = 5, 8
"""Doubtful frames that are listed, and their least distance."""


@dataclass(slots=True)
class Rate:
    """Frames a second of the work that runs, from its first answer on."""

    first: int = 0
    since: float = 0.0

    def text(self, done: int, total: int, now: float) -> str:
        """How fast it is and how long it will take; empty until that is known."""
        if not self.since or done < self.first:
            self.first, self.since = done, now
        counted, seconds = done - self.first, now - self.since
        if counted < 3 or seconds < 1 or seconds > 60 * counted:
            return ""
        rate = counted / seconds
        left = round((total - done) / rate)
        return texts.RATE.format(rate=rate, left=f"{left // 60}:{left % 60:02d}")


class Desk:
    """The state of one page.

    Args:
        studio: The session.

    Attributes:
        tracker: Name of the tracker that follows when this page asks for it.
        frame: That is looked at.
        object_id: That is worked on; 0 where there is none.
        tool: ``box``, ``point``, ``paint`` or ``erase``.
        brush: Radius of the brush in pixels of the video.
        mode: ``single``, ``slider`` or ``side``.
        views: What is on the left and on the right.
        watch: Whether the page goes along with a tracker that works.
    """

    def __init__(self, studio: Studio) -> None:
        self.studio, self.tracker = studio, studio.tracker
        self.frame = 0
        self.object_id = min(studio.session.project.objects, default=0)
        self.tool, self.mode, self.watch = "box", "single", True
        self.brush = float(max(2, round(min(studio.session.about.size_wh) / 40)))
        self.views = [f"tracker:{self.tracker}", f"raw:{self.tracker}"]
        self.rate = Rate()
        self._looked: tuple[Any, list[tuple[int, float]]] = (None, [])

    # --- what the page shows ---------------------------------------------------------------------

    def view_names(self) -> dict[str, str]:
        """Everything that can be shown, by what people call it."""
        names = {f"tracker:{self.tracker}": texts.TRACKED.format(name=self.tracker)}
        names[f"raw:{self.tracker}"] = texts.RAW.format(name=self.tracker)
        for view in self.views:  # those of another tracker that are looked at
            kind, name = split(view)
            if kind == "tracker":
                names.setdefault(view, texts.TRACKED.format(name=name))
            elif kind == "raw":
                names.setdefault(view, texts.RAW.format(name=name))
        for layer, title in self.studio.session.project.layers.items():
            names[f"layer:{layer}"] = title
        return names

    def keep_valid(self) -> None:
        """Look elsewhere where what was looked at is gone, by an undone step say."""
        project = self.studio.session.project
        if self.object_id not in project.objects:
            self.object_id = min(project.objects, default=0)
        for side, view in enumerate(self.views):
            kind, name = split(view)
            if kind == "layer" and name not in project.layers:
                self.views[side] = f"tracker:{self.tracker}"

    def stage_state(self) -> dict[str, Any]:
        """What the stage is told; see ``stage.js``."""
        about = self.studio.session.about
        names = self.view_names()
        known = self.studio.session.project.objects.get(self.object_id)
        key = None if known is None else known.keys.get(self.frame)
        clicks = () if key is None else key.clicks
        return {
            "at": self.frame,
            "stamps": [self._stamp(view) for view in self.views],
            "length": about.length,
            "size": list(about.size_wh),
            "fps": about.fps if 1 <= about.fps <= 120 else 24,
            "version": self.studio.version,
            "viewA": self.views[0],
            "viewB": self.views[1],
            "nameA": names.get(self.views[0], ""),
            "nameB": names.get(self.views[1], ""),
            "mode": self.mode,
            "color": color_of(self.object_id or 1),
            "boxes": [] if key is None or key.box is None else [list(key.box)],
            "clicks": [[c.x, c.y, c.inside] for c in clicks],
        }

    def _stamp(self, view: str) -> str:
        try:
            return self.studio.views.stamp(view, self.frame)
        except InputError:
            return ""  # a layer whose folder was spoilt shows nothing

    def curve(self) -> dict[str, Any]:
        """What the timeline is told."""
        known = self.studio.session.project.objects.get(self.object_id)
        keys = [] if known is None else [[f, k.kind] for f, k in sorted(known.keys.items())]
        if known is None and split(self.views[0])[0] != "layer":
            return {"scores": [], "doubts": [], "states": "", "keys": []}
        scores, doubts, states = self.studio.views.curves(self.views[0], self.object_id or 1)
        return {"scores": scores, "doubts": doubts, "states": states, "keys": keys}

    def looks(self) -> list[tuple[int, float]]:
        """The frames most worth a look, and their doubt; most doubtful first."""
        if not self.object_id:
            return []
        place = (self.studio.version, self.views[0], self.object_id)
        if self._looked[0] != place:
            _, doubts, states = self.studio.views.curves(self.views[0], self.object_id)
            values = [v if s != "k" else -1.0 for v, s in zip(doubts, states, strict=True)]
            found = most_doubtful(np.array(values), LOOKS, APART)
            rows = [(frame, values[frame]) for frame in found if values[frame] > 0]
            self._looked = (place, rows)
        return self._looked[1]

    def frame_text(self) -> str:
        """What is known of the frame that is looked at."""
        about = self.studio.session.about
        seconds = self.frame / (about.fps or 24)
        words = [
            texts.FRAME.format(frame=self.frame, length=about.length),
            texts.TIME.format(minutes=int(seconds // 60), seconds=seconds % 60),
        ]
        if self.object_id:
            shown = self.studio.shown(self.views[0], self.object_id, self.frame)
            if shown.entry is not None and shown.state != "key":
                words.append(texts.SCORE.format(score=shown.entry.score))
            if shown.doubt is not None and shown.state != "key":
                words.append(texts.DOUBT.format(doubt=shown.doubt))
            words.append(texts.STATES[shown.state])
        return "  ·  ".join(words)

    def progress_text(self) -> str:
        """How far the work is that runs; empty where none does."""
        if self.studio.progress is None:
            self.rate = Rate()
            return ""
        done, total = self.studio.progress
        rate = self.rate.text(done, total, time.monotonic())
        words = [texts.WORKING.format(done=done, total=total), rate]
        return "  ·  ".join(word for word in words if word)

    def making_text(self) -> str:
        """Which layers are being made, and how far that is; empty where none is."""
        rows = self.studio.making.values()
        words = [f"{title}: {texts.WORKING.format(done=d, total=t)}" for title, d, t in rows if t]
        return "\n".join(words + [f"{title} ..." for title, _, t in rows if not t])

    # --- what the page does ----------------------------------------------------------------------

    def object(self) -> int:
        """The object that is worked on; the first one is added where there is none."""
        if not self.object_id:
            self.object_id = self.studio.add_object()
        return self.object_id

    def draw_box(self, told: Mapping[str, Any]) -> None:
        """A box was drawn.

        Raises:
            InputError: If it is none.
        """
        x, y, w, h = (number(told, name) for name in "xywh")
        self.studio.set_box(self.object(), whole(told, "frame"), Box(x, y, w, h))

    def draw_stroke(self, told: Mapping[str, Any]) -> None:
        """A stroke was painted.

        Raises:
            InputError: If it is none.
        """
        points = told.get("points")
        if not isinstance(points, Sequence) or isinstance(points, str):
            raise InputError("a stroke without points came; draw it again")
        try:
            points_xy = [(float(x), float(y)) for x, y in points]
        except (TypeError, ValueError):
            raise InputError("a stroke with points that are no numbers came") from None
        self.studio.paint(
            self.object(),
            whole(told, "frame"),
            self.views[0],
            points_xy,
            number(told, "radius"),
            bool(told.get("erase")),
        )

    def draw_click(self, told: Mapping[str, Any]) -> Future[None]:
        """A point was clicked; done when its mask is there.

        Raises:
            InputError: If it is none.
        """
        click = Click(number(told, "x"), number(told, "y"), bool(told.get("inside", True)))
        return self.studio.click(self.object(), whole(told, "frame"), self.views[0], click)

    def choose_tracker(self, name: str) -> None:
        """Another tracker follows from now on; its answers are shown where the old one's were.

        While two are side by side the old one stays on the right, to be compared with. Other pages
        that are open keep theirs.
        """
        old, self.tracker, self.studio.tracker = self.tracker, name, name
        left, right = (split(view) for view in self.views)
        if left == ("tracker", old):
            self.views[0] = f"tracker:{name}"
        if self.mode == "side" and right == ("raw", old):
            self.views[1] = f"tracker:{old}"
        elif right == ("raw", old):
            self.views[1] = f"raw:{name}"

    def show_layer(self, name: str) -> None:
        """A layer comes to the right of what is shown, behind the slider if nothing is there."""
        self.views[1] = f"layer:{name}"
        if self.mode == "single":
            self.mode = "slider"

    def take_brush(self, told: Mapping[str, Any]) -> None:
        """A larger brush, or a smaller one.

        Raises:
            InputError: If it is none.
        """
        self.brush = min(max(number(told, "radius"), 1.0), 300.0)


def color_of(object_id: int) -> str:
    """The colour of an object as the page writes it."""
    return "#{:02x}{:02x}{:02x}".format(*object_color(object_id))


def number(told: Mapping[str, Any], name: str) -> float:
    """A finite number of an event.

    Raises:
        InputError: If it is none.
    """
    value = told.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{name} {value!r} is no number")
    return float(value)


def whole(told: Mapping[str, Any], name: str) -> int:
    """A whole number of an event.

    Raises:
        InputError: If it is none.
    """
    value = number(told, name)
    if value != int(value):
        raise InputError(f"{name} {value} is no whole number")
    return int(value)
