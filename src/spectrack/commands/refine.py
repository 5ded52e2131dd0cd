"""``spectrack refine``: masks of any method in, consistent masks out."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from spectrack.commands.base import Command, Flag, OptionalCount, at_least, choose, versions
from spectrack.commands.many import Job, run_many, sequence_names, video_of, whole
from spectrack.commands.many import text as text_of_many
from spectrack.errors import InputError

if TYPE_CHECKING:
    from spectrack.commands.console import Console
    from spectrack.tracks import Tracks


@dataclass(frozen=True, kw_only=True)
class RefineCommand(Command):
    """Make the masks of any method consistent in space and time.

    MASKS holds PNG files named like the frames: indexed, 1-bit or grey, hard or soft. A folder of
    such folders is done sequence by sequence, with --video the folder of the videos of the same
    names; what is finished is kept, so a run that was stopped goes on.

    Example: spectrack refine masks/ --video bike.mp4 --out refined
    """

    masks: Annotated[Positional[Path], arg(metavar="MASKS")]
    """Folder of masks, result folder of `track`, folder of such folders, or one file: .npy, .npz,
    COCO run lengths (.json), video of masks."""
    video: Annotated[str, arg(metavar="VIDEO")]
    """Video file or folder of images; for a folder of sequences, the folder of their videos."""
    out: Annotated[Path, arg(metavar="DIR")]
    """Where the results go; a new or empty folder, or the one of a run that was stopped."""
    preset: Annotated[str, arg(metavar="NAME")] = "learned"
    """Recipe: learned (a network looks, too), colour (faster, no network), deep (more steps, for
    weak masks), paper, published."""
    object: OptionalCount = None
    """Refine only this object of indexed masks; all by default."""
    fixed: Annotated[str, arg(metavar="N,N")] = ""
    """The masks of these frames are known, counted from 0: they stay, and the others feel them."""
    resize: Flag = False
    """Bring masks of another size to that of the frames."""
    jobs: Annotated[int, arg(metavar="N")] = 1
    """Sequences done at the same time."""
    no_overlay: Flag = False
    """Leave out overlay.mp4."""
    overwrite: Flag = False
    """Replace an earlier result in DIR."""

    def run(self, console: Console) -> int:
        """Refine one sequence, or every sequence of a folder."""
        from spectrack.commands.output import check_output
        from spectrack.commands.track import parse_frames
        from spectrack.refinement.presets import PRESETS

        choose("preset", self.preset, PRESETS)
        at_least("--jobs", self.jobs)
        at_least("--object", self.object)
        fixed = parse_frames(self.fixed, "--fixed") if self.fixed else []
        names = sequence_names(self.masks)
        if names and fixed:
            raise InputError(
                f"--fixed names frames of one video, but {self.masks} holds {len(names)} "
                "sequences; refine the one that is meant by itself"
            )
        job = RefineJob(
            masks=self.masks,
            video=self.video,
            out=self.out,
            preset=self.preset,
            object_id=self.object,
            overlay=not self.no_overlay,
            overwrite=self.overwrite,
            resize=self.resize,
            fixed=tuple(fixed),
        )
        if names:
            summary = run_many(job, names, self.jobs, console)
            console.result(summary, text_of_many(summary, job.done))
            return 0
        check_output(self.out, overwrite=self.overwrite)
        summary = job.run(console)
        console.result(summary, text(summary))
        return 0


@dataclass(frozen=True, kw_only=True)
class RefineJob(Job):
    """Refine one sequence, or a folder of them.

    Args:
        masks: The masks, or the folder of the folders of masks.
        resize: Bring masks to the size of the frames.
        fixed: Numbers of the frames whose masks are known.
    """

    masks: Path
    resize: bool = False
    fixed: tuple[int, ...] = ()
    done = "refined"

    def at(self, name: str) -> RefineJob:
        """The job of one sequence; see :class:`spectrack.commands.many.Job`."""
        video = video_of(self.video, name)
        return replace(self, masks=self.masks / name, video=video, out=self.out / name)

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the answers; see ``Job``."""
        return {**super().settings, "masks": whole(self.masks), "resize": self.resize}

    def run(self, console: Console) -> dict[str, Any]:
        """Refine one sequence into its result folder; see ``Job``."""
        from spectrack.api import refine_all
        from spectrack.commands.output import staged
        from spectrack.commands.track import write_overlay
        from spectrack.commands.track_summary import told_at_the_end

        started = time.perf_counter()
        with staged(self.out, overwrite=self.overwrite) as part:
            with console.progress("refining") as progress, told_at_the_end() as warned:
                tracks = refine_all(
                    self.masks,
                    self.video,
                    self.preset,
                    object_id=self.object_id,
                    resize=self.resize,
                    fixed=self.fixed,
                    progress=progress,
                )
            seconds = time.perf_counter() - started
            for track in tracks.values():
                track.info.update(self.note, versions=versions())
                track.info["timings"] = {"refining_s": round(seconds, 3)}
            tracks.save(part)
            if self.overlay:
                write_overlay(self.video, tracks, part, console, None)
        return {**summarise(tracks, self, seconds), "warnings": warned}


def summarise(tracks: Tracks, job: RefineJob, seconds: float) -> dict[str, Any]:
    """What refining one sequence gave."""
    frames = len(tracks.first)
    return {
        "out": str(job.out),
        "preset": job.preset,
        "objects": len(tracks),
        "frames": frames,
        "frames_without_mask": tracks.first.info.get("frames_without_mask", []),
        "seconds": round(seconds, 3),
        "frames_per_second": round(frames / seconds, 2),
        "overlay": str(job.out / "overlay.mp4") if job.overlay else None,
    }


def text(summary: dict[str, Any]) -> str:
    """The summary in a few lines."""
    lines = [
        f"{summary['frames']} frames refined with preset {summary['preset']} "
        f"in {summary['seconds']:.1f} s ({summary['frames_per_second']:.1f} frames/s)"
    ]
    gaps = summary["frames_without_mask"]
    if gaps:
        some = ", ".join(gaps[:5]) + (", ..." if len(gaps) > 5 else "")
        lines.append(f"{len(gaps)} frames had no mask and were filled: {some}")
    lines += [f"warning: {sentence}" for sentence in summary["warnings"]]
    lines.append(f"results: {summary['out']} (masks/*.png, boxes.csv, track.json)")
    if summary["overlay"]:
        lines.append(f"overlay: {summary['overlay']}")
    return "\n".join(lines)
