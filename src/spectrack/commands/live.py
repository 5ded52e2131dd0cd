"""``spectrack live``: what a camera or a stream sends, followed as it comes."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from spectrack.commands.base import (
    Command,
    Flag,
    OptionalCount,
    OptionalFile,
    OptionalFolder,
    Repeated,
    at_least,
    choose,
    given_targets,
    versions,
)
from spectrack.errors import InputError

if TYPE_CHECKING:
    from spectrack.commands.console import Console
    from spectrack.commands.live_page import LivePage
    from spectrack.commands.live_record import Recorder
    from spectrack.structures import Target
    from spectrack.tracking.base import Tracker
    from spectrack.tracking.live import LiveAnswer, Pace
    from spectrack.training.loop.interruption import Interruption
    from spectrack.video.live import Arrival, LiveReader


@dataclass(frozen=True, kw_only=True)
class LiveCommand(Command):
    """Follow objects in what a camera or a stream sends, as it comes.

    The newest frame is answered each time, and those that came meanwhile are dropped, so that the
    delay stays that of one answer. Ctrl-C is how it ends; what was recorded is kept. The masks are
    the tracker's own: the spectral filter needs frames that are still to come. A pixel that several
    objects claim goes to one of them, as in `track`.

    Example: spectrack live rtsp://10.0.0.7/door --select --record door
    """

    source: Annotated[Positional[str], arg(metavar="SOURCE")]
    """Camera number, address (rtsp://...), pipe, - for standard input, or a video file, played at
    its own rate."""
    box: Annotated[Repeated, arg(metavar="X,Y,W,H")] = ()
    """Object in the first frame: left, top, width, height in pixels. Repeat for more objects."""
    mask: OptionalFile = None
    """Its mask in the first frame instead; an indexed PNG may hold several objects."""
    select: Flag = False
    """Draw the boxes on a frame in the browser instead; implies --show."""
    show: Flag = False
    """Show the masks in the browser as they come: a page on this machine alone."""
    port: Annotated[int, arg(metavar="N")] = 0
    """Where the page is; any that is free where left out."""
    tracker: Annotated[str, arg(metavar="NAME")] = "sftrack"
    """What follows; see `spectrack trackers`."""
    set: Annotated[Repeated, arg(metavar="NAME=VALUE")] = ()
    """A setting of the tracker; see `spectrack trackers NAME`. Repeat for more."""
    record: OptionalFolder = None
    """Keep the answers in this result folder, with their true times and what was dropped."""
    no_overlay: Flag = False
    """Leave overlay.mp4 out of it."""
    overwrite: Flag = False
    """Replace an earlier result there."""
    max_frames: OptionalCount = None
    """Stop after N answers."""
    reconnect: Annotated[int, arg(metavar="N")] = 5
    """Open a camera or an address that was lost again so often in a row."""

    def run(self, console: Console) -> int:
        """Follow until the source ends, or Ctrl-C.

        Returns:
            0, or 1 where the source was lost.
        """
        from spectrack.commands.live_record import Recorder
        from spectrack.commands.output import check_output, staged
        from spectrack.settings import split_pairs
        from spectrack.tracking.choosing import trackers_for
        from spectrack.tracking.live import Pace, follow_live
        from spectrack.tracking.table import settings_of, tracker_table
        from spectrack.training.loop.interruption import Interruption
        from spectrack.video.live import LiveReader
        from spectrack.video.live_sources import open_live

        table = tracker_table()
        choose("tracker", self.tracker, table)
        at_least("--max-frames", self.max_frames)
        at_least("--reconnect", self.reconnect, 0)
        settings = {**table[self.tracker].live, **split_pairs(self.set)}
        settings_of(self.tracker, **settings)
        targets = self._targets()
        source, pace = open_live(self.source), Pace()
        if self.record is not None:
            check_output(self.record, overwrite=self.overwrite)
        # loaded before the source runs; those of boxes that are drawn, when they are
        make = partial(trackers_for, tracker=self.tracker, settings=settings)
        trackers = make(targets or [1])
        with ExitStack() as stack:
            part = recorder = page = None
            if self.record is not None:
                part = stack.enter_context(staged(self.record, overwrite=self.overwrite))
                recorder = stack.enter_context(Recorder(part, not self.no_overlay))
            if self.show or self.select:
                page = self._open_page(console, stack)
            reader = stack.enter_context(LiveReader(source, self.reconnect))
            interruption = Interruption()
            stack.enter_context(interruption.watched(signal.SIGTERM))
            try:
                start = None
                if self.select and page is not None:
                    with interruption.at_once():
                        start, targets = selected(reader, page)
                    trackers |= make(targets.keys() - trackers.keys())
                if targets:
                    newest = _AtOnce(reader, interruption)
                    answers = follow_live(newest, trackers, targets, start)
                    self._follow(answers, pace, recorder, page, console)
            except KeyboardInterrupt:
                if interruption.torn or not pace.answered:
                    raise
            except InputError as error:  # such as frames of another size, after a day
                if not pace.answered:
                    raise
                reader.lost = str(error)
            if not pace.answered:
                raise InputError(reader.lost or f"{source.shown} ended before boxes were drawn")
            summary = self._summary(reader, pace)
            if recorder is not None:
                self._finish(recorder, reader, trackers, summary)
        console.result(summary, text(summary))
        return 0 if reader.lost is None else 1

    def _follow(
        self,
        answers: Iterable[LiveAnswer],
        pace: Pace,
        recorder: Recorder | None,
        page: LivePage | None,
        console: Console,
    ) -> None:
        """Count, keep and show the answers as they come."""
        with console.progress("live") as progress:
            for answer in answers:
                pace.add(answer)
                if recorder is not None:
                    recorder.add(answer)
                if page is not None:
                    page.show(answer.frame_hwc, answer.predictions, pace.line())
                progress.tell(f"live: {pace.answered} frames, {pace.line()}")
                if pace.answered == self.max_frames:
                    return

    def _targets(self) -> dict[int, Target]:
        """What to follow; nothing yet where it is to be selected."""
        from spectrack.video.targets import question_box

        targets = given_targets(self.box, self.mask)
        if targets and self.select:
            raise InputError("objects were given beside --select; give one of them")
        if not targets and not self.select:
            raise InputError("no object was given; give --box X,Y,W,H, --mask FILE or --select")
        for target in targets.values():
            question_box(target)
        return targets

    def _open_page(self, console: Console, stack: ExitStack) -> LivePage:
        from spectrack.commands.live_page import LivePage

        page = stack.enter_context(LivePage(self.port))
        what = "draw boxes" if self.select else "watch"
        # said under --quiet and --json, too: nobody could guess it
        console.needed(f"{what} at {page.address} (on this machine)")
        return page

    def _summary(self, reader: LiveReader, pace: Pace) -> dict[str, Any]:
        return {
            "source": reader.source.shown,
            "tracker": self.tracker,
            **pace.summary(),
            "reconnected": reader.reconnected,
            "lost": reader.lost,
            "out": None if self.record is None else str(self.record),
        }

    def _finish(
        self,
        recorder: Recorder,
        reader: LiveReader,
        trackers: dict[int, Tracker],
        summary: dict[str, Any],
    ) -> None:
        from spectrack.tracking.loop import settings_told

        made = {key: summary[key] for key in ("source", "tracker", "seconds", "delay_ms")}
        made |= {
            "live": True,
            "cleaned": False,
            "complete": True,
            "arrived": reader.arrived,
            "reconnected": reader.reconnected,
            "lost": reader.lost,
            "fps": summary["frames_per_second"],
            "variable_frame_rate": True,
            "versions": versions(),
        }
        recorder.finish(made, {k: {"settings": settings_told(t)} for k, t in trackers.items()})


@dataclass(frozen=True)
class _AtOnce:
    """While a frame is waited for nothing is half done, and Ctrl-C stops at once."""

    reader: LiveReader
    interruption: Interruption

    def take(self) -> Arrival | None:
        with self.interruption.at_once():
            return self.reader.take()


def selected(reader: LiveReader, page: LivePage) -> tuple[Arrival | None, dict[int, Target]]:
    """The frame that somebody drew boxes on, and these; None where the source ended before."""
    from spectrack.structures import Target

    while (arrival := reader.take()) is not None:
        boxes = page.select(arrival.rgb())
        if boxes is not None:
            return arrival, {number: Target(box=box) for number, box in enumerate(boxes, start=1)}
    return None, {}


def text(summary: dict[str, Any]) -> str:
    """The summary in a few lines."""
    delay = summary["delay_ms"]
    lines = [
        f"{summary['answered']} frames answered with {summary['tracker']} in "
        f"{summary['seconds']:.1f} s ({summary['frames_per_second'] or 0:.1f} frames/s), "
        f"{summary['dropped']} dropped"
    ]
    if delay:
        lines.append(
            f"delay {delay['mean']:.0f} ms, 95 % below {delay['p95']:.0f} ms; "
            f"{delay['first_tenth']:.0f} ms at first and {delay['last_tenth']:.0f} ms in the end"
        )
    if summary["lost"] is not None:
        lines.append(f"the source was lost: {summary['lost']}")
    if summary["out"] is not None:
        lines.append(f"results in {summary['out']}")
    return "\n".join(lines)
