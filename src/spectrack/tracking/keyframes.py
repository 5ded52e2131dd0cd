"""An object with key frames: corrected anywhere, answered again only where that matters."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from spectrack.errors import InputError
from spectrack.storage import Progress
from spectrack.structures import FrameHWC, Prediction, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.doubts import doubt_info
from spectrack.tracking.keys import (
    Key,
    Span,
    as_key,
    digest,
    has_mask,
    key_digest,
    read_keys,
    spans,
    told,
    write_keys,
)
from spectrack.tracking.passes import OnAnswer, Passes, PassOf, passes_of
from spectrack.tracking.span_answers import SpanAnswers, absent, joined_parts, solve
from spectrack.tracking.two_ways import TwoWays
from spectrack.tracks import Entry, Track
from spectrack.video.frames import Frames

PASSES, SPANS = "passes", "spans"


class _Cancelled(Exception):
    """The caller wants no more."""


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """A span to answer, and all that decides its answers: keys may change before they are there.

    Attributes:
        span: Which frames.
        passes: What they follow from.
        name: What its answers are called.
        cost: Frames to go through, each way and the filter counted.
    """

    span: Span
    passes: list[PassOf]
    name: str
    cost: int


class KeyframedTrack:
    """One object of a video, its key frames, and the answers that follow from them.

    Keys are set and removed at any time; :meth:`run` answers what is not answered yet. Between two
    keys that is a pass of the tracker from either side, both fused, and the spectral filter over
    the span, in which keys that are masks stay as they are. A span is answered for good by its two
    keys: a key inside it makes two spans, of which the passes on their way from the old keys are
    there already, and what was answered before comes back at once when a key is taken back.

    With a ``folder`` everything is kept as it comes: keys when they are set, answers of passes
    frame by frame, spans when they are done. Made again on the same folder, it goes on there, also
    after a crash. ``folder`` must be held by one process at a time
    (:func:`spectrack.storage.claimed`). Without one, files lie in a temporary folder that goes with
    the object.

    Keys may be set and answers be read from other threads while :meth:`run` works; it takes new
    keys into account after the span that it is at. It reads ``frames`` all the time, so others
    need a reader of their own.

    Args:
        frames: The video, with random access and a known length; not closed here.
        make: Makes a fresh tracker; one that can start in any frame.
        keys: Number of the frame to key, in any form of :func:`spectrack.tracking.keys.as_key`;
            added to those in the folder.
        folder: Where everything is kept; made if it is absent.
        clean: Whether masks go through the spectral filter.
        both_ways: Whether keys are followed backward, too.
        two_ways: How the answers of both ways are weighed.

    Raises:
        InputError: If the video cannot be jumped in, a key cannot be used, the tracker answers by
            frame numbers, or the folder belongs to another video.

    Example:
        >>> track = KeyframedTrack(frames, lambda: make_tracker("sftrack"))  # doctest: +SKIP
        >>> track.set(0, Box(120, 80, 200, 160))  # doctest: +SKIP
        >>> track.run(progress=lambda done, total: print(done, total))  # doctest: +SKIP
        True
        >>> track.set(57, mask_hw)  # doctest: +SKIP
        >>> track.run(cancel=button.is_set)  # two spans only; False if cancelled  # doctest: +SKIP
        True
        >>> track.track().save("out")  # doctest: +SKIP
    """

    def __init__(
        self,
        frames: Frames,
        make: Callable[[], Tracker],
        keys: Mapping[int, Any] | None = None,
        *,
        folder: str | Path | None = None,
        clean: bool = True,
        both_ways: bool = True,
        two_ways: TwoWays | None = None,
    ) -> None:
        if frames.length is None:
            raise InputError(
                f"{frames.source} has no known length; key frames need a video file or a folder"
            )
        self._frames, self._length = frames, frames.length
        self._temporary = TemporaryDirectory(prefix="spectrack-") if folder is None else None
        self._folder = Path(self._temporary.name if self._temporary else str(folder))
        self._clean, self._both_ways = clean, both_ways
        self._two_ways = two_ways or TwoWays()
        self._passes = Passes(frames, make, self._folder / PASSES)
        self._lock, self._running = threading.RLock(), threading.Lock()
        first, size_wh = hashlib.sha256(frames[0].tobytes()).hexdigest()[:16], list(frames.size_wh)
        self._about = {"size_wh": size_wh, "frames": self._length, "first_frame": first}
        self._keys: dict[int, Key] = {}
        self._said: dict[int, str] = {}  # digests of the keys
        self._done: dict[Span, tuple[str, SpanAnswers]] = {}
        self._shown: list[tuple[Entry, Entry] | None] = [None] * self._length
        self._newest = 0
        (self._folder / SPANS).mkdir(parents=True, exist_ok=True)
        kept = read_keys(self._folder)
        if kept is not None:
            if kept[1] != self._about:
                raise InputError(
                    f"{folder} holds key frames of another video ({kept[1].get('frames')} frames "
                    f"of {kept[1].get('size_wh')}); give another folder, or its video"
                )
            self._keys = kept[0]
            self._said = {frame: key_digest(key) for frame, key in self._keys.items()}
        for frame, key in (keys or {}).items():
            self.set(frame, key)
        self._take_up()

    # --- keys ------------------------------------------------------------------------------------

    @property
    def keys(self) -> dict[int, Key]:
        """Number of the frame to key; a copy."""
        with self._lock:
            return dict(self._keys)

    @property
    def length(self) -> int:
        """Frames of the video."""
        return self._length

    def set(self, frame: int, key: Any) -> None:
        """Set or replace the key of a frame; kept at once.

        Args:
            frame: Its number, from 0.
            key: See :func:`spectrack.tracking.keys.as_key`.

        Raises:
            InputError: If there is no such frame, or the key cannot be used in it.
        """
        if not 0 <= frame < self._length or int(frame) != frame:
            raise InputError(
                f"a key was given for frame {frame}; the video has frames 0 to {self._length - 1}"
            )
        made = as_key(key)
        if isinstance(made, Target):
            made.check(self._frames.size_wh)
        said = key_digest(made)
        with self._lock:
            self._keys[int(frame)], self._said[int(frame)] = made, said
            self._newest = int(frame)
            self._keep_keys()

    def remove(self, frame: int) -> None:
        """Take the key of a frame back; kept at once.

        Raises:
            InputError: If it has none.
        """
        with self._lock:
            if frame not in self._keys:
                raise InputError(f"frame {frame} has no key; keys are at {sorted(self._keys)}")
            del self._keys[frame], self._said[frame]
            self._newest = frame
            self._keep_keys()

    def _keep_keys(self) -> None:
        write_keys(self._folder, self._keys, self._about)
        self._take_up()

    # --- answers ---------------------------------------------------------------------------------

    def spans(self) -> list[Span]:
        """The spans between the keys as they are now; none without keys."""
        with self._lock:
            return spans(self._keys, self._length, self._both_ways) if self._keys else []

    def stale(self) -> list[Span]:
        """Those whose answers do not follow from the keys as they are now."""
        with self._lock:
            return [span for span, _ in self._stale()]

    def work(self) -> int:
        """Frames that :meth:`run` would go through now, each way and the filter counted."""
        return sum(one.cost for one in self._work())

    def entry(self, frame: int, raw: bool = False) -> Entry | None:
        """The newest answer for a frame, which may follow from earlier keys.

        Args:
            frame: Its number.
            raw: Before the filter.

        Returns:
            None where nothing was answered yet.
        """
        with self._lock:
            shown = self._shown[frame]
            return None if shown is None else shown[0 if raw else 1]

    def run(
        self,
        progress: Progress | None = None,
        on_frame: OnAnswer | None = None,
        cancel: Callable[[], bool] | None = None,
    ) -> bool:
        """Answer every span that is not answered, those at the newest key first.

        Args:
            progress: Called after every frame with how many are done and how many there are to do,
                each way and the filter counted.
            on_frame: Called with every answer as it comes: number of the frame, the frame, the
                answer, and ``forward``, ``backward`` or ``done``.
            cancel: Asked after every frame whether to stop. What is done is kept, and another
                :meth:`run` goes on from there.

        Returns:
            Whether all is answered.

        Raises:
            InputError: If there are no keys, a frame cannot be read, or it is running already.
        """
        if not self._running.acquire(blocking=False):
            raise InputError("the object is being followed already; wait for it or cancel it")
        done = 0

        def count(number: int, frame_hwc: FrameHWC, answer: Prediction, what: str) -> None:
            nonlocal done
            done += 1
            if on_frame is not None:
                on_frame(number, frame_hwc, answer, what)
            if progress is not None:
                progress(done, max(total, done))
            if cancel is not None and cancel():
                raise _Cancelled

        try:
            if not self._keys:
                raise InputError("no key frame was given; give the object in at least one frame")
            while work := self._work():
                total = done + sum(one.cost for one in work)
                self._solve(work[0], count)
        except _Cancelled:
            return False
        finally:
            self._running.release()
        return True

    def track(self, raw: bool = False) -> Track:
        """All answers; those of frames that are stale follow from earlier keys.

        Args:
            raw: Before the filter.

        Returns:
            One entry a frame; ``info`` has the tracker, the keys, and the doubt of every frame
            once all is answered.

        Raises:
            InputError: If some frames were never answered.
        """
        with self._lock:
            shown = [one for one in self._shown if one is not None]
            if len(shown) < self._length:
                raise InputError(
                    f"{self._length - len(shown)} of {self._length} frames are not answered; run it"
                )
            stems = self._frames.stems or [f"{i:05d}" for i in range(self._length)]
            entries = [one[0 if raw else 1] for one in shown]
            track = Track(self._frames.size_wh, list(stems), entries)
            track.take_times(self._frames.times_s, self._frames.fps)
            track.info.update(
                source=self._frames.source,
                tracker=type(self._passes.tracker).__name__,
                settings=self._passes.settings,
                cleaned=self._clean and not raw,
                both_ways=self._both_ways,
                keyframes={str(f): told(k) for f, k in sorted(self._keys.items())},
                complete=not self.stale(),
            )
            if not self.stale():
                answers = [found for span in self.spans() if (found := self._answers(span))]
                given = [frame for frame, key in self._keys.items() if has_mask(key)]
                track.info.update(doubt_info(track, joined_parts(answers), given))
            return track

    def prune(self) -> None:
        """Delete what the keys as they are now do not need; undoing is work again then."""
        with self._lock:
            present = self.spans()
            names = {self._name(span) for span in present}
            needed = [one for span in present for one in self._passes_of(span)]
            passes = {self._passes.path(one).name for one in needed}
            for folder, kept in ((SPANS, names), (PASSES, passes)):
                for path in (self._folder / folder).glob("*"):
                    if path.stem not in kept:
                        path.unlink()

    # --- inside ----------------------------------------------------------------------------------

    def _passes_of(self, span: Span) -> list[PassOf]:
        return passes_of(span, self._keys, self._said)

    def _name(self, span: Span) -> str:
        """What a span's answers are called: a digest of all that decides them."""
        way = [span.start, span.stop, self._clean, asdict(self._two_ways)]
        keys = [(one.frame, one.said, one.backward) for one in self._passes_of(span)]
        return digest(way, keys, self._passes.identity)

    def _stale(self) -> list[tuple[Span, str]]:
        """Spans that are stale, and what their answers will be called."""
        named = ((span, self._name(span)) for span in self.spans())
        return [one for one in named if self._answers(*one) is None]

    def _answers(self, span: Span, name: str | None = None) -> SpanAnswers | None:
        """What is answered for good, from memory or from its file."""
        name = name or self._name(span)
        known = self._done.get(span)
        if known is not None and known[0] == name:
            return known[1]
        count = span.stop - span.start
        if span.before is None and span.after is None:
            found: SpanAnswers | None = absent(span)
        else:
            path = self._folder / SPANS / f"{name}.json"
            found = SpanAnswers.load(path, count, self._frames.size_wh)
        if found is not None:
            self._done[span] = (name, found)
        return found

    def _take_up(self) -> None:
        """Show what is answered, and forget spans that are none any more."""
        with self._lock:
            present = self.spans()
            self._done = {span: known for span, known in self._done.items() if span in present}
            for span in present:
                found = self._answers(span)
                if found is not None:
                    pairs = zip(found.raw, found.clean, strict=True)
                    self._shown[span.start : span.stop] = list(pairs)

    def _work(self) -> list[_Work]:
        """What is to be done for the keys as they are at one moment, the most urgent first."""
        with self._lock:
            found = []
            for span, name in self._stale():
                passes = self._passes_of(span)
                missing = sum(self._passes.missing(one, one.end(span)) for one in passes)
                cost = missing + span.stop - span.start
                found.append(_Work(span, passes, name, cost))
            return sorted(found, key=lambda one: self._urgency(one.span))

    def _urgency(self, span: Span) -> tuple[bool, int]:
        return not span.start <= self._newest <= span.stop, span.start

    def _solve(self, work: _Work, count: OnAnswer) -> None:
        for one in work.passes:
            self._passes.follow(one, one.end(work.span), count)
        answers = solve(
            work.span,
            next((one for one in work.passes if not one.backward), None),
            next((one for one in work.passes if one.backward), None),
            self._passes,
            self._frames,
            self._clean,
            self._two_ways,
            lambda number, frame, answer: count(number, frame, answer, "done"),
        )
        answers.save(self._folder / SPANS / f"{work.name}.json")
        self._take_up()
