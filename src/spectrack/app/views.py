"""What there is to see of a session: for each object and frame the best that is known.

A view is named by a word: ``tracker:NAME`` for the filtered answers of a tracker, ``raw:NAME`` for
the same before the filter, ``layer:NAME`` for masks that were loaded or made of others.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from spectrack.app.engine import doubts_of
from spectrack.app.keys import Key, KeyedSpan, spans_of
from spectrack.app.layer_folder import LayerFolder
from spectrack.app.session import LAYERS, Session
from spectrack.app.work import entry_of_key
from spectrack.errors import InputError
from spectrack.tracking.span_answers import SpanAnswers
from spectrack.tracks import Entry

State = Literal["none", "stale", "draft", "done", "key"]
"""Nothing is known; known from earlier key frames; as it comes from a tracker; done; said."""

STEPS_BACK = 40
"""States of a session before the present one that are asked for answers."""
KEPT_SPANS = 256


@dataclass(frozen=True, slots=True)
class Shown:
    """What a view shows of an object in a frame.

    Args:
        entry: Mask, box and score; None where nothing is known.
        state: How good it is.
        doubt: In [0, 1]; None where nobody told.
    """

    entry: Entry | None = None
    state: State = "none"
    doubt: float | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    raw: Entry
    out: Entry
    doubt: float | None
    state: State


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    answers: SpanAnswers
    doubts: list[float]


class Views:
    """Looks things up; what is found is kept until something changes.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._kept: OrderedDict[str, _Kept | None] = OrderedDict()
        self._live: dict[str, dict[int, tuple[Entry, bool]]] = {}
        self._found: dict[tuple[int, str], dict[int, _Found]] = {}
        self._layers: dict[str, LayerFolder] = {}

    def changed(self, digest: str | None = None) -> None:
        """Forget what was found: a step was taken, or a span was answered."""
        self._found.clear()
        if digest is not None:
            self._kept.pop(digest, None)
            self._live.pop(digest, None)

    def live(self, digest: str, frame: int, entry: Entry, final: bool) -> None:
        """An answer has just come for a span that is being worked on.

        Args:
            digest: Of the span.
            frame: Which frame; one beyond the span is the key that a tracker came to.
            entry: The answer.
            final: Whether it has been through the filter; one of a tracker does not replace it.
        """
        known = self._live.setdefault(digest, {})
        if final or not known.get(frame, (entry, False))[1]:
            known[frame] = (entry, final)

    def object_ids(self, view: str) -> list[int]:
        """The objects that a view shows."""
        kind, name = split(view)
        return self._layer(name).object_ids if kind == "layer" else [*self._session.project.objects]

    def shown(self, view: str, object_id: int, frame: int) -> Shown:
        """What a view shows of an object in a frame.

        Raises:
            InputError: If there is no such view or frame.
        """
        kind, name = split(view)
        if not 0 <= frame < self._session.about.length:
            raise InputError(f"frame {frame} was asked for of {self._session.about.length}")
        if kind == "layer":
            entry = self._layer(name).entry(object_id, frame)
            return Shown() if entry is None else Shown(entry, "done")
        key = self._keys(object_id).get(frame)
        known = None if key is None else entry_of_key(key)
        if known is not None:
            return Shown(known, "key", 0.0)
        found = self._tracked(object_id, name).get(frame)
        live = self._live_answer(object_id, name, frame)
        if live is not None and (found is None or found.state != "done"):
            return Shown(live, "draft")
        if found is None:
            given = None if key is None else Entry(key.box, None, 1.0, True)
            return Shown(given, "none" if given is None else "key")
        return Shown(found.raw if kind == "raw" else found.out, found.state, found.doubt)

    def stamp(self, view: str, frame: int) -> str:
        """A word that is another one as soon as a frame's picture of a view is another.

        Raises:
            InputError: As :meth:`shown`.
        """
        found = 0
        for object_id in self.object_ids(view):
            entry = self.shown(view, object_id, frame).entry
            if entry is not None:
                mask = b"" if entry.mask is None else entry.mask.counts
                box = None if entry.mask is not None else entry.box
                found = zlib.crc32(mask, zlib.crc32(repr((object_id, box)).encode(), found))
        return f"{found:08x}"

    def curves(self, view: str, object_id: int) -> tuple[list[float], list[float], str]:
        """Score and doubt of every frame, and a letter for its state.

        Scores and doubts are in [0, 1]; -1 where none is known. Letters: n nothing, s stale, w as
        it comes, d done, k key frame.
        """
        length = self._session.about.length
        scores, doubts, states = [-1.0] * length, [-1.0] * length, ["n"] * length
        kind, name = split(view)
        if kind == "layer":
            layer = self._layer(name)
            if object_id in layer.object_ids:
                for frame in range(min(length, len(layer))):
                    scores[frame], states[frame] = layer.score(object_id, frame), "d"
            return scores, doubts, "".join(states)
        for frame, found in self._tracked(object_id, name).items():
            entry = found.raw if kind == "raw" else found.out
            scores[frame], states[frame] = round(float(entry.score), 3), found.state[0]
            doubts[frame] = -1.0 if found.doubt is None else round(found.doubt, 3)
        for span in self.spans(object_id) if self._live else ():
            for frame, (entry, _) in self._live.get(span.digest(name), {}).items():
                if frame in span and states[frame] != "d":
                    scores[frame], states[frame] = round(float(entry.score), 3), "w"
        for frame in self._keys(object_id):
            states[frame] = "k"
        return scores, doubts, "".join(states)

    def spans(self, object_id: int) -> list[KeyedSpan]:
        """The spans of an object as its keys are now."""
        return spans_of(object_id, self._keys(object_id), self._session.about.length)

    def is_done(self, span: KeyedSpan, tracker: str) -> bool:
        """Whether a tracker has answered a span."""
        return self._answers(span, tracker) is not None

    def _answers(self, span: KeyedSpan, tracker: str) -> _Kept | None:
        """The answers that are kept of a span; the most recent ones stay in memory."""
        digest = span.digest(tracker)
        if digest in self._kept:
            self._kept.move_to_end(digest)
            return self._kept[digest]
        path, size_wh = self._session.span_path(digest), self._session.about.size_wh
        loaded = SpanAnswers.load(path, len(span), size_wh)
        found = None if loaded is None else _Kept(loaded, doubts_of(loaded))
        self._kept[digest] = found
        while len(self._kept) > KEPT_SPANS:
            self._kept.popitem(last=False)
        return found

    def _keys(self, object_id: int) -> dict[int, Key]:
        known = self._session.project.objects.get(object_id)
        return {} if known is None else dict(known.keys)

    def _live_answer(self, object_id: int, tracker: str, frame: int) -> Entry | None:
        for span in self.spans(object_id) if self._live else ():
            if frame in span:
                live = self._live.get(span.digest(tracker), {}).get(frame)
                return None if live is None else live[0]
        return None

    def _tracked(self, object_id: int, tracker: str) -> dict[int, _Found]:
        """For every frame the answer by the keys as they are, else by those before, and so on."""
        place = (object_id, tracker)
        if place in self._found:
            return self._found[place]
        length = self._session.about.length
        found: dict[int, _Found] = {}
        seen: set[KeyedSpan] = set()
        for back, project in enumerate(self._session.history.states[: -STEPS_BACK - 1 : -1]):
            known = project.objects.get(object_id)
            for span in [] if known is None else spans_of(object_id, known.keys, length):
                kept = None if span in seen else self._answers(span, tracker)
                seen.add(span)
                if kept is None:
                    continue
                rows = zip(kept.answers.raw, kept.answers.clean, kept.doubts, strict=True)
                for frame, (raw, out, doubt) in enumerate(rows, span.frames.start):
                    if frame not in found:
                        found[frame] = _Found(raw, out, doubt, "stale" if back else "done")
            if len(found) == length:
                break
        self._found[place] = found
        return found

    def _layer(self, name: str) -> LayerFolder:
        if name not in self._session.project.layers:
            raise InputError(f"layer {name!r} does not exist")
        if name not in self._layers:
            self._layers[name] = LayerFolder(self._session.folder / LAYERS / name)
        return self._layers[name]


def split(view: str) -> tuple[str, str]:
    """Kind and name of a view.

    Raises:
        InputError: If it is none.
    """
    kind, colon, name = view.partition(":")
    if not colon or kind not in {"tracker", "raw", "layer"}:
        raise InputError(f"{view!r} is no view; give tracker:NAME, raw:NAME or layer:NAME")
    return kind, name
