"""``spectrack track``: a video and a box in, masks out."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from spectrack.commands.base import (
    Command,
    Flag,
    OptionalCount,
    OptionalFile,
    Repeated,
    at_least,
    choose,
    given_targets,
    versions,
)
from spectrack.commands.track_keys import (
    KEY,
    POINT,
    START,
    parse_keys,
    parse_point,
    parse_starts,
    refuse,
    with_points,
)
from spectrack.commands.track_summary import EXPLAINED, summarise, text, told_at_the_end
from spectrack.errors import InputError

if TYPE_CHECKING:
    from spectrack.commands.console import Console
    from spectrack.storage import Progress
    from spectrack.structures import Target
    from spectrack.tracking.explaining import Explainer
    from spectrack.tracking.journal import Journal
    from spectrack.tracks import Tracks
    from spectrack.video.frames import BrokenFrame


USUAL, PERMISSIVE = "sftrack", "sftrack-permissive"


@dataclass(frozen=True, kw_only=True)
class TrackCommand(Command):
    """Follow objects through a video, from a box or a mask in its first frame, or key frames.

    DIR gets masks/*.png (indexed, value = object), boxes.csv, track.json and overlay.mp4. A run
    that was killed goes on where it was when the same command is given again.

    With --work a later call needs the corrections only, and does only what they change.

    Example: spectrack track bike.mp4 --box 120,80,200,160 --explain --out bike
    """

    video: Annotated[Positional[str], arg(metavar="VIDEO")]
    """Video file, folder of images, quoted glob, or camera number."""
    out: Annotated[Path, arg(metavar="DIR")]
    """Where the results go; a new or empty folder."""
    box: Annotated[Repeated, arg(metavar="X,Y,W,H")] = ()
    """Object in the first frame: left, top, width, height in pixels. Repeat for more objects."""
    mask: OptionalFile = None
    """Its mask in the first frame instead; an indexed PNG may hold several objects."""
    key: Annotated[Repeated, arg(metavar=KEY)] = ()
    """The object in any frame: a mask, a box, that it is gone, or none to take a key back.
    It is followed from each key forward and backward. OBJECT is 1 by default. Repeat for more."""
    point: Annotated[Repeated, arg(metavar=POINT)] = ()
    """A click on the object, or on background: makes the mask of a frame (0 by default), or
    corrects the one given. Repeat for more."""
    start: Annotated[Repeated, arg(metavar=START)] = ()
    """An object of --box or --mask is there from FRAME on, and was given in it."""
    forward_only: Flag = False
    """Follow key frames forward only."""
    work: Annotated[Path | None, arg(metavar="WORK")] = None
    """Keep key frames and answers in this folder, for later corrections and after a kill."""
    tracker: Annotated[str, arg(metavar="NAME")] = USUAL
    """What follows; see `spectrack trackers`."""
    set: Annotated[Repeated, arg(metavar="NAME=VALUE")] = ()
    """A setting of the tracker; see `spectrack trackers NAME`. Repeat for more."""
    permissive: Flag = False
    """Follow with sftrack-permissive, whose weights were learned from data of permissive terms."""
    runtime: Annotated[str, arg(metavar="NAME")] = "torch"
    """What runs the networks of sftrack, nanomask, nanotrack and fear: torch, or onnx, which needs
    less of a CPU's time, and the extra onnx. The first time, graphs are made, which takes a while.
    """
    max_frames: OptionalCount = None
    """Stop after N frames (needed for a camera)."""
    no_clean: Flag = False
    """Leave the tracker's masks as they are: no spectral filter behind it."""
    no_overlay: Flag = False
    """Leave out overlay.mp4."""
    soft_overlay: Flag = False
    """Draw the masks on overlay.mp4 as soft as the tracker gives them."""
    explain: Flag = False
    """Write explain.png: boxes and masks of the inputs, their mix and the result."""
    explain_frames: Annotated[str, arg(metavar="N,N")] = ""
    """Show these frames on it, counted from 0, not those that tell most."""
    save: Annotated[Repeated, arg(metavar="FORMAT")] = ()
    """Also write DIR/exports in this format, see `spectrack export`. Repeat for more."""
    overwrite: Flag = False
    """Replace an earlier result in DIR."""
    restart: Flag = False
    """Begin anew where a run was killed, instead of going on."""
    keep_partial: Flag = False
    """On Ctrl-C or SIGTERM keep the frames done so far as a result."""
    skip_broken: Flag = False
    """Go on past frames that cannot be decoded; they keep the answer before them."""

    def run(self, console: Console) -> int:
        """Follow the objects and write the result folder."""
        from spectrack.commands.export import check_formats, save_exports
        from spectrack.commands.output import JOURNAL, check_output, made_beside, staged
        from spectrack.commands.track_resume import kept_run, what_decides
        from spectrack.settings import split_pairs
        from spectrack.tracking.journal import Journal
        from spectrack.tracking.runtime_settings import with_chosen_runtime
        from spectrack.tracking.table import settings_of, tracker_table

        choose("tracker", self.tracker, tracker_table())
        if self.permissive and self.tracker not in (USUAL, PERMISSIVE):
            raise InputError(
                f"--permissive and --tracker {self.tracker} were given; {PERMISSIVE} alone has "
                "such weights: leave one out"
            )
        at_least("--max-frames", self.max_frames)
        settings = with_chosen_runtime(self._named, split_pairs(self.set), self.runtime)
        checked = settings_of(self._named, **settings)  # a wrong one is told before work begins
        camera = self.video.isdecimal() and not Path(self.video).exists()
        source: str | int = int(self.video) if camera else self.video
        if isinstance(source, int) and self.max_frames is None:
            raise InputError(f"camera {source} never ends; say when to stop with --max-frames N")
        if self._keyed:
            self._refuse_beside_keys(camera)
        explainer = self._explainer(source)
        masks = tracker_table()[self._named].gives == "masks" or getattr(checked, "masks", False)
        check_formats(self.save, camera, masks or self._keyed or self.mask is not None)
        targets, starts = self._targets(), parse_starts(self.start)
        check_output(self.out, overwrite=self.overwrite)
        asked = kept = None
        # A camera cannot be watched from where it was; key frames have a folder of their own.
        if not isinstance(source, int) and not self._keyed:
            asked = what_decides(
                source, targets, self._named, checked, not self.no_clean, self.max_frames, starts
            )
            kept = None if self.restart else kept_run(self.out, asked, explainer is not None)
        if kept is not None:
            console.remark(
                f"going on at frame {kept.frames}, where an earlier run was killed: the tracker "
                "starts again from the last frame in which it found the target"
            )

        started = time.perf_counter()
        keep = () if kept is None else (JOURNAL,)
        with (
            staged(self.out, overwrite=self.overwrite, keep=keep, anew=self.restart) as part,
            told_at_the_end() as told,
        ):
            soft = self.soft_overlay and not self.no_overlay
            journal = None if asked is None else Journal(part / JOURNAL, asked, kept, soft)
            with console.progress("tracking") as progress:
                if self._keyed:
                    tracks, stopped = self._follow_keys(targets, starts, settings, progress), None
                else:
                    tracks, stopped = self._follow(
                        source, targets, starts, settings, progress, explainer, journal
                    )
            tracking = time.perf_counter() - started
            for track in tracks.values():
                track.info.update(versions=versions())
                track.info["timings"] = {"tracking_s": round(tracking, 3)}
            tracks.save(part)
            if self.save:
                save_exports(self.save, tracks, part, None if camera else self.video, console)
            explained = (
                explainer is not None
                and stopped is None
                and write_sheet(explainer, Path(self.video).name, part / EXPLAINED, console)
            )
            drawn_from = part / JOURNAL if soft else None
            overlay = not (self.no_overlay or camera or stopped) and made_beside(
                "overlay.mp4",
                lambda: write_overlay(source, tracks, part, console, self.max_frames, drawn_from),
            )
            (part / JOURNAL).unlink(missing_ok=True)
        if camera and not self.no_overlay:
            console.remark("a camera cannot be watched twice, so overlay.mp4 is left out")
        summary = summarise(tracks, tracking, self.out, overlay=overlay, explained=explained)
        summary["warnings"] = told
        console.result(summary, text(summary))
        if stopped is not None:
            raise stopped
        return 0

    def _follow(
        self,
        source: str | int,
        targets: dict[int, Target],
        starts: dict[int, int],
        settings: dict[str, Any],
        progress: Progress,
        explainer: Explainer | None,
        journal: Journal | None,
    ) -> tuple[Tracks, BaseException | None]:
        """The answers, and what stopped the run if a partial result is to be kept."""
        from spectrack.api import track_all
        from spectrack.tracking.loop import Interrupted
        from spectrack.video.frames import BrokenFrame

        before = 0 if journal is None or journal.kept is None else journal.kept.frames
        begun = before > 0

        def count(done: int, total: int | None) -> None:
            nonlocal begun
            begun = True
            progress(done - before, None if total is None else total - before)

        with journal or nullcontext():
            try:
                return track_all(
                    source,
                    targets,
                    tracker=self._named,
                    clean=not self.no_clean,
                    max_frames=self.max_frames,
                    progress=count,
                    explain=explainer,
                    skip_broken=self.skip_broken,
                    journal=journal,
                    keep_partial=self.keep_partial,
                    starts=starts,
                    **settings,
                ), None
            except Interrupted as stop:
                return stop.tracks, stop.cause
            except BrokenFrame as error:
                if not begun:
                    raise
                raise self._with_hint(error) from None

    def _with_hint(self, error: BrokenFrame) -> InputError:
        if self.skip_broken:
            return error
        return InputError(f"{error}, or go on past it with --skip-broken")

    @property
    def _named(self) -> str:
        """The tracker that is asked for."""
        return PERMISSIVE if self.permissive else self.tracker

    @property
    def _keyed(self) -> bool:
        """Whether there are key frames, or a folder for them."""
        return bool(self.key or self.point or self.work)

    def _refuse_beside_keys(self, camera: bool) -> None:
        refuse(
            {
                "a camera": camera,
                "--explain": self.explain or bool(self.explain_frames),
                "--keep-partial": self.keep_partial,
                "--soft-overlay": self.soft_overlay,
            }
        )

    def _follow_keys(
        self,
        targets: dict[int, Target],
        starts: dict[int, int],
        settings: dict[str, Any],
        progress: Progress,
    ) -> Tracks:
        """The answers from key frames."""
        from spectrack.api.correcting import keys_of, track_keys
        from spectrack.tracking.table import settings_of
        from spectrack.video.frames import BrokenFrame

        clicks = [parse_point(text) for text in self.point]
        chosen = settings_of(self._named, **settings)
        weights = getattr(chosen, "mask_weights", "")  # clicks are read as the tracker reads boxes
        keys = keys_of(targets, starts, parse_keys(self.key))
        try:
            return track_keys(
                self.video,
                with_points(self.video, self.max_frames, keys, clicks, weights),
                tracker=self._named,
                clean=not self.no_clean,
                both_ways=not self.forward_only,
                max_frames=self.max_frames,
                progress=progress,
                work=self.work,
                settings=settings,
                skip_broken=self.skip_broken,
            )
        except BrokenFrame as error:
            raise self._with_hint(error) from None

    def _explainer(self, source: str | int) -> Explainer | None:
        """What draws the sheet; what cannot be explained is refused before work begins."""
        if not (self.explain or self.explain_frames):
            return None
        from spectrack.api import open_frames
        from spectrack.tracking.explaining import Explainer
        from spectrack.tracking.table import tracker_table

        if not tracker_table()[self._named].load().explains:
            raise InputError(
                f"tracker {self._named} fuses no others, so it has nothing to explain; "
                "use --tracker sftrack or leave out --explain"
            )
        if not self.explain_frames:
            return Explainer()
        wanted = parse_frames(self.explain_frames, "--explain-frames")
        explainer = Explainer(wanted)
        length = self.max_frames
        if not isinstance(source, int):
            with open_frames(source, self.max_frames) as frames:
                length = frames.length
        if length is not None and max(wanted) >= length:
            raise InputError(
                f"--explain-frames names frame {max(wanted)} of {length}; "
                f"give numbers from 0 to {length - 1}"
            )
        return explainer

    def _targets(self) -> dict[int, Target]:
        targets = given_targets(self.box, self.mask)
        if not targets and not self._keyed:
            raise InputError(
                "no object was given; give --box X,Y,W,H or --mask FILE, or --point X,Y"
            )
        return targets


def parse_frames(value: str, flag: str) -> list[int]:
    """Frame numbers from ``"N,N,..."``, the value of a flag.

    Raises:
        InputError: If it is not a list of whole numbers.
    """
    try:
        return [int(word) for word in value.split(",")]
    except ValueError:
        raise InputError(
            f"{flag} {value} is no list of frame numbers; give N,N,... counted from 0"
        ) from None


def write_sheet(explainer: Explainer, title: str, path: Path, console: Console) -> bool:
    """Write ``explain.png``; whether it could be."""
    from spectrack.commands.output import made_beside
    from spectrack.video.sheet import write_picture

    console.remark("drawing explain.png")
    return made_beside(EXPLAINED, lambda: write_picture(path, explainer.sheet(title)))


def write_overlay(
    source: str | int,
    tracks: Tracks,
    folder: Path,
    console: Console,
    max_frames: int | None,
    journal: Path | None = None,
) -> None:
    """Write ``overlay.mp4`` beside the masks; with the soft masks of a journal, where given."""
    from spectrack.api import open_frames
    from spectrack.tracking.packed_masks import KeptSoftMasks
    from spectrack.video.export import write_overlay as write
    from spectrack.video.salvage import HeldFrames

    with (
        open_frames(source, max_frames) as frames,
        console.progress("overlay") as progress,
        nullcontext() if journal is None else KeptSoftMasks(journal) as soft,
    ):
        if tracks.first.info.get("broken_frames"):
            frames = HeldFrames(frames)
        write(folder / "overlay.mp4", frames, tracks, progress=progress, soft=soft)
