"""A session at work: what the page can do with it, whoever looks at it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from spectrack.app.edits import AddLayer
from spectrack.app.jobs import Export, MakeLayer, Publish, Run, Segment, Told
from spectrack.app.keys import Click, Key, KeyedSpan
from spectrack.app.link import Link
from spectrack.app.published import answered, is_due, read_published, state_of, unanswered
from spectrack.app.session import LAYERS, PASSES, RESULT, SPANS, Session
from spectrack.app.steps import Steps
from spectrack.app.views import split
from spectrack.app.worker import compute
from spectrack.errors import InputError
from spectrack.tracking.journal import entry_of

Post = Callable[[Callable[[], None]], None]
"""Runs a function in the thread that owns the session."""
EXPORTS = "exports"
WAYS = ("forward", "backward", "next", "all")


class Studio(Steps):
    """A session, and the processes that compute for it.

    Everything here is called in one thread, and so is what the processes tell, by way of ``post``.

    Args:
        session: The session; it is closed with this.
        post: See :data:`Post`.

    Attributes:
        tracker: Name of the tracker that was chosen last; a new page begins with it.
        progress: Frames that are done and in all, of the work that runs; None where none does.
        held: Whether the work that runs is held for a while.
        live: The last frame for which an answer has come, while a tracker works.
        making: Folder of each layer that is being made, to its title, the frames that are done and
            those in all, 0 where that is not known.
    """

    def __init__(self, session: Session, post: Post, tracker: str = "sftrack") -> None:
        super().__init__(session)
        self.tracker = tracker
        self.progress: tuple[int, int] | None = None
        self.held = False
        self.live: int | None = None
        self.making: dict[str, tuple[str, int, int]] = {}
        self._post = post
        spawn = get_context("spawn")
        self._stop, self._go = spawn.Event(), spawn.Event()
        self._go.set()
        self._runner = Link(compute, (self._stop, self._go), self._hear)
        # Others answer clicks and write results while the first one follows.
        never, free = spawn.Event(), spawn.Event()
        free.set()
        self._clicks = Link(compute, (never, free))
        self._writer = Link(compute, (never, free), self._hear_making)
        self._layers: dict[int, str] = {}
        self._number: int | None = None
        self._pending: dict[tuple[int, int], tuple[Click, ...]] = {}
        self._publishing, self._out_of_date, self._closed = False, False, False
        kept = read_published(session.folder / RESULT)
        self._answered_by = session.tracker or kept.tracker
        if self._answered_by and is_due(kept, self.views, self._objects, self._answered_by):
            self._publish()

    def remove_object(self, object_id: int) -> None:
        """An object goes, out of the result too."""
        super().remove_object(object_id)
        self._publish()

    def take_back(self, object_id: int, frame: int) -> None:
        """What was said of a frame is said no more; answers of before that may come again."""
        super().take_back(object_id, frame)
        self._publish()

    def undo(self) -> None:
        """Take the last step back, in the result too."""
        before = self.session.project.objects
        super().undo()
        if self.session.project.objects is not before:
            self._publish()

    def redo(self) -> None:
        """Take it again, in the result too."""
        before = self.session.project.objects
        super().redo()
        if self.session.project.objects is not before:
            self._publish()

    def click(self, object_id: int, frame: int, view: str, click: Click) -> Future[None]:
        """A point was clicked: what a view shows is corrected by it and becomes a key.

        All clicks in a frame count, until its mask is made in another way.

        Returns:
            Done when the mask is there.

        Raises:
            InputError: If there is no such frame.
        """
        self.check_frame(frame)
        known = self.session.project.objects.get(object_id)
        key = None if known is None else known.keys.get(frame)
        place = (object_id, frame)
        # A click may come while the mask of the one before is still being made.
        before = self._pending.get(place, () if key is None else key.clicks)
        clicks = self._pending[place] = (*before, click)
        box = None if key is None else key.box
        entry = None if box is not None else self.views.shown(view, object_id, frame).entry
        mask = None if entry is None or entry.mask is None or not entry.mask.area else entry.mask
        job = Segment(self.session.about.video, frame, clicks, box, mask)
        _, asked = self._clicks.ask(job)

        def answered() -> None:
            if self._pending.get(place) == clicks:
                del self._pending[place]

        return self._then(
            asked, lambda plain: self._say(object_id, frame, Key.from_plain(plain)), answered
        )

    def run(self, way: str, object_ids: Sequence[int], frame: int, tracker: str) -> int:
        """Follow objects where they are not followed yet.

        Args:
            way: ``forward`` from the frame to the end, ``backward`` to the start, ``next`` for the
                span around it, or ``all``.
            object_ids: Which.
            frame: Where the user is.
            tracker: What follows; the result holds its answers then.

        Returns:
            How many spans are worked on.

        Raises:
            InputError: If work is going on, or there is nothing to follow.
        """
        if way not in WAYS:
            raise InputError(f"{way!r} is no way to run; choose from {', '.join(WAYS)}")
        if self.progress is not None:
            raise InputError("a run is going on; stop it first or wait")
        if not any(self.session.project.objects[i].keys for i in object_ids):
            raise InputError("there is nothing to follow yet; draw a box around the object first")
        spans = [
            span
            for object_id in object_ids
            for span in self.views.spans(object_id)
            if _touches(span, way, frame) and not self.views.is_done(span, tracker)
        ]
        if not spans:
            self._publish(tracker)
            return 0
        spans.sort(key=lambda s: (abs(s.frames.start - frame), s.object_id))
        self._stop.clear()
        self.resume()
        self.progress, self.live = (0, sum(map(len, spans))), None
        folder = self.session.folder
        video = self.session.about.video
        job = Run(video, tuple(spans), tracker, folder / SPANS, folder / PASSES)
        self._number, asked = self._runner.ask(job)
        self._then(asked, lambda _: None, lambda: self._run_over(spans, tracker))
        self.changed()
        return len(spans)

    def hold(self) -> None:
        """Hold the work that runs."""
        self._go.clear()
        self.held = True
        self.version += 1

    def resume(self) -> None:
        """Let it go on."""
        self._go.set()
        self.held = False
        self.version += 1

    def stop(self) -> None:
        """End the work that runs; answers so far stay."""
        self._stop.set()
        self.resume()

    def make_layer(self, how: str, title: str, sources: dict[str, Path]) -> Future[str]:
        """Masks from elsewhere, or made of others, as a new layer; its name when it is there.

        Args:
            how: ``load``, ``refine`` or ``fuse``.
            title: What people call it.
            sources: Name to folder or file of masks.
        """
        folder = self.session.folder / LAYERS
        names = (f"{n:03d}" for n in range(1, 1000))
        name = next(n for n in names if n not in self.making and not (folder / n).exists())
        job = MakeLayer(self.session.about.video, how, sources, folder / name)
        number, asked = self._writer.ask(job)
        self.making[name], self._layers[number] = (title, 0, 0), name
        ready: Future[str] = Future()

        def made(_: Any) -> None:
            self.do(AddLayer(name, title))
            ready.set_result(name)

        def over() -> None:
            del self.making[name], self._layers[number]

        def ended(_: Future[None]) -> None:
            if not ready.done():
                ready.cancel()

        self._then(asked, made, over).add_done_callback(ended)
        return ready

    def source_of(self, view: str, out: Path | None = None) -> Future[Path]:
        """A view as a result folder; done when it is written.

        Args:
            view: What is wanted.
            out: Where to; a layer has a folder already.
        """
        kind, name = split(view)
        done: Future[Path] = Future()
        if kind == "layer":
            done.set_result(self.session.folder / LAYERS / name)
            return done
        folder = out or self.session.folder / EXPORTS / f"{name}-{kind}"
        folder.parent.mkdir(exist_ok=True)
        if not self.session.project.objects:
            done.set_exception(InputError("there is no object yet; draw a box around one"))
            return done
        _, asked = self._writer.ask(self._publication(name, kind == "raw", folder, self._objects))

        def ended(future: Future[Any]) -> None:
            error = CancelledError() if future.cancelled() else future.exception()
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(folder)

        asked.add_done_callback(ended)
        return done

    def export(self, result: Path, form: str, name: str) -> Future[Any]:
        """A result in a format for others, in the session's folder of exports."""
        folder = self.session.folder / EXPORTS
        folder.mkdir(exist_ok=True)
        _, asked = self._writer.ask(Export(result, self.session.about.video, form, folder / name))
        return asked

    def close(self) -> None:
        """End the processes and let the session go."""
        self._closed = True
        for link in (self._runner, self._clicks, self._writer):
            link.close()
        self.session.close()

    def _hear(self, told: Told) -> None:
        """In the thread of a link."""
        self._post(lambda: self._take(told))

    def _hear_making(self, told: Told) -> None:
        """In the thread of a link."""
        self._post(lambda: self._take_making(told))

    def _take_making(self, told: Told) -> None:
        name = self._layers.get(told.number)
        if told.what == "progress" and name is not None:
            done, total = told.values
            self.making[name] = (self.making[name][0], done, total or 0)

    def _take(self, told: Told) -> None:
        if told.number != self._number:
            return
        if told.what == "answer":
            digest, frame, plain, way = told.values
            entry = entry_of(plain, self.session.about.size_wh)
            self.views.live(digest, frame, entry, way == "done")
            self.live = frame
            self.version += 1
        elif told.what == "progress" and self.progress is not None:
            self.progress = (told.values[0], told.values[1])
        elif told.what == "span":
            self.changed(told.values[0])

    def _run_over(self, spans: Sequence[KeyedSpan], tracker: str) -> None:
        self._number, self.progress, self.live = None, None, None
        for object_id in self.session.project.objects:
            for span in self.views.spans(object_id):
                self.views.changed(span.digest(tracker))
        self.version += 1
        if any(self.views.is_done(span, tracker) for span in spans):
            self._publish(tracker)  # one that came to nothing replaces no answers of another

    @property
    def _objects(self) -> list[int]:
        return list(self.session.project.objects)

    def _publish(self, tracker: str | None = None) -> None:
        """Write the result anew, by the keys as they are; once more if they change meanwhile.

        Objects that were never followed are left out. Keys that nobody has followed yet cost no
        answers of before; of the objects that a run has begun it shows what it came to.

        Args:
            tracker: Whose answers; those of the one that is in it where left out.
        """
        if self._closed:
            return
        if tracker is not None:
            self._answered_by = tracker
            self.session.keep_tracker(tracker)
        if self._answered_by is None:
            return
        self._out_of_date = self._publishing
        if self._publishing:
            return
        self._publishing = True
        by, objects = self._answered_by, self._objects
        shown = answered(self.views, objects, by)
        job = self._publication(by, False, self.session.folder / RESULT, shown)
        job.info["state"] = state_of(self.views, shown, by)
        keep = unanswered(self.views, objects, by)
        job = replace(job, keep=tuple(i for i in keep if tracker is None or i not in shown))

        def written() -> None:
            self._publishing = False
            if self._out_of_date:
                self._publish()

        self._then(self._writer.ask(job)[1], lambda _: None, written)

    def _publication(
        self, tracker: str, raw: bool, out: Path, object_ids: Sequence[int]
    ) -> Publish:
        objects = self.session.project.objects
        paths = {
            number: tuple(
                (s.frames.start, s.frames.stop, self.session.span_path(s.digest(tracker)))
                for s in self.views.spans(number)
            )
            for number in object_ids
        }
        keys = {
            number: {frame: key.plain() for frame, key in objects[number].keys.items()}
            for number in object_ids
        }
        about = self.session.about
        info = {"source": str(about.video), "tracker": tracker, "cleaned": not raw}
        return Publish(about.size_wh, about.stems, paths, keys, raw, info, out)

    def _then(
        self,
        asked: Future[Any],
        use: Callable[[Any], None],
        after: Callable[[], None] | None = None,
    ) -> Future[None]:
        """Use what a process came to, in the thread that owns the session."""
        done: Future[None] = Future()

        def ended() -> None:
            try:
                if after is not None:
                    after()
                if not asked.cancelled():
                    use(asked.result())
            except InputError as error:
                self.message = str(error)
                self.version += 1
            done.set_result(None)

        asked.add_done_callback(lambda _: self._post(ended))
        return done


def _touches(span: KeyedSpan, way: str, frame: int) -> bool:
    """Whether a span is worked on."""
    if way == "forward":
        return span.frames.stop > frame
    if way == "backward":
        return span.frames.start <= frame
    return way == "all" or frame in span
