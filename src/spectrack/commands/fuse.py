"""``spectrack fuse``: masks of many methods in, one better mask out."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from spectrack.commands.base import (
    Command,
    Flag,
    OptionalCount,
    OptionalFile,
    at_least,
    choose,
    table,
    versions,
)
from spectrack.commands.many import Job, run_many, sequence_names, video_of, whole
from spectrack.commands.many import text as text_of_many
from spectrack.errors import InputError
from spectrack.fusion.channels import channels

if TYPE_CHECKING:
    from spectrack.commands.console import Console
    from spectrack.tracks import Tracks


@dataclass(frozen=True, kw_only=True)
class FuseCommand(Command):
    """Fuse the masks that several methods give the same object into one that beats each of them.

    Each of MASKS is a folder as for `refine`, of any method, or a result folder; its name is that
    of the channel, or give NAME=FOLDER. Frames, and objects of indexed masks, that a method lacks
    are left to the others. Where each holds folders of sequences, all are done that every one of
    them has, with --video the folder of the videos; what is finished is kept. Without --weights a
    channel counts the more, the more it agrees with the others around a frame. track.json says how
    doubtful each frame is: see `spectrack review`.

    Example: spectrack fuse a/masks b/masks c/masks --video bike.mp4 --out fused
    """

    masks: Annotated[Positional[tuple[str, ...]], arg(metavar="MASKS...")]
    """Folders of masks, one a method."""
    video: Annotated[str, arg(metavar="VIDEO")]
    """Video file or folder of images; for folders of sequences, the folder of their videos."""
    out: Annotated[Path, arg(metavar="DIR")]
    """Where the results go; a new or empty folder, or the one of a run that was stopped."""
    weights: OptionalFile = None
    """Weights learned by `train fusion` for these channels."""
    preset: Annotated[str, arg(metavar="NAME")] = "colour"
    """Recipe of the filter behind the mixing: colour, deep, learned, paper, published."""
    object: OptionalCount = None
    """Fuse only this object of indexed masks; all by default."""
    jobs: Annotated[int, arg(metavar="N")] = 1
    """Sequences done at the same time."""
    no_overlay: Flag = False
    """Leave out overlay.mp4."""
    overwrite: Flag = False
    """Replace an earlier result in DIR."""

    def run(self, console: Console) -> int:
        """Fuse one sequence, or every sequence that all folders hold."""
        from spectrack.commands.output import check_output
        from spectrack.refinement.presets import PRESETS

        choose("preset", self.preset, PRESETS)
        at_least("--jobs", self.jobs)
        at_least("--object", self.object)
        sources = channels(self.masks)
        if self.weights is not None:
            from spectrack.fusion.weights import load_mixing

            load_mixing(self.weights)[0].matched_to(list(sources))
        job = FuseJob(
            sources=sources,
            weights=self.weights,
            video=self.video,
            out=self.out,
            preset=self.preset,
            object_id=self.object,
            overlay=not self.no_overlay,
            overwrite=self.overwrite,
        )
        names = common_sequences(sources)
        if names:
            summary = run_many(job, names, self.jobs, console)
            console.result(summary, f"{_means(summary)}{text_of_many(summary, job.done)}")
            return 0
        check_output(self.out, overwrite=self.overwrite)
        summary = job.run(console)
        console.result(summary, text(summary))
        return 0


@dataclass(frozen=True, kw_only=True)
class FuseJob(Job):
    """Fuse one sequence, or a folder of them.

    Args:
        sources: Name of each channel to its folder.
        weights: Learned weights.
    """

    sources: dict[str, Path]
    weights: Path | None
    done = "fused"

    def at(self, name: str) -> FuseJob:
        """The job of one sequence; see :class:`spectrack.commands.many.Job`."""
        sources = {channel: folder / name for channel, folder in self.sources.items()}
        video = video_of(self.video, name)
        return replace(self, sources=sources, video=video, out=self.out / name)

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the answers; see ``Job``."""
        return {**super().settings, "weights": whole(self.weights), "masks": whole(self.sources)}

    def run(self, console: Console) -> dict[str, Any]:
        """Fuse one sequence into its result folder; see ``Job``."""
        from spectrack.api import fuse_all
        from spectrack.commands.output import staged
        from spectrack.commands.track import write_overlay
        from spectrack.commands.track_summary import told_at_the_end

        started = time.perf_counter()
        with staged(self.out, overwrite=self.overwrite) as part:
            with console.progress("fusing") as progress, told_at_the_end() as warned:
                tracks = fuse_all(
                    self.sources,
                    self.video,
                    self.weights,
                    self.preset,
                    object_id=self.object_id,
                    progress=progress,
                )
            seconds = time.perf_counter() - started
            for track in tracks.values():
                track.info.update(self.note, versions=versions())
                track.info["timings"] = {"fusing_s": round(seconds, 3)}
            tracks.save(part)
            if self.overlay:
                write_overlay(self.video, tracks, part, console, None)
        return {**summarise(tracks, self, seconds), "warnings": warned}


def common_sequences(sources: dict[str, Path]) -> list[str]:
    """Names of the sequences that every channel holds; empty where all are one sequence.

    Raises:
        InputError: If only some hold sequences, or they have none in common.
    """
    held = {name: sequence_names(folder) for name, folder in sources.items()}
    if not any(held.values()):
        return []
    single = [name for name, names in held.items() if not names]
    if single:
        raise InputError(
            f"channel {single[0]} is one sequence and others hold several; give all of one kind"
        )
    common = set.intersection(*(set(names) for names in held.values()))
    if not common:
        raise InputError("the channels have no sequence in common; give folders of the same ones")
    return sorted(common)


def summarise(tracks: Tracks, job: FuseJob, seconds: float) -> dict[str, Any]:
    """What fusing one sequence gave; figures of channels are means over the objects."""
    track = tracks.first
    worst, number, key = max(
        (doubt, -t, -key)
        for key, one in tracks.items()
        for t, doubt in enumerate(one.info["doubt"])
    )
    gaps = {stem for one in tracks.values() for stem in one.info["frames_without_mask"]}
    return {
        "out": str(job.out),
        "preset": job.preset,
        "weights": None if job.weights is None else str(job.weights),
        "objects": len(tracks),
        "frames": len(track),
        "frames_without_mask": [stem for stem in track.stems if stem in gaps],
        "channels": mean_channels([one.info["channels"] for one in tracks.values()]),
        "most_doubtful": {"frame": track.stems[-number], "object": -key, "doubt": worst},
        "seconds": round(seconds, 3),
        "frames_per_second": round(len(track) / seconds, 2),
        "overlay": str(job.out / "overlay.mp4") if job.overlay else None,
    }


def mean_channels(objects: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Name, weight, agreement and frames of each channel: means over the objects it has masks of.

    Args:
        objects: For each object what its track says of the channels.
    """
    means = []
    for one in zip(*objects, strict=True):
        seen = [channel for channel in one if channel["frames"]] or one[:1]
        means.append(
            {
                "name": one[0]["name"],
                "weight": round(sum(c["weight"] for c in seen) / len(seen), 4),
                "agreement": round(sum(c["agreement"] for c in seen) / len(seen), 4),
                "frames": max(c["frames"] for c in one),
            }
        )
    return means


def text(summary: dict[str, Any]) -> str:
    """The summary in a few lines."""
    rows = [
        (c["name"], f"{c['weight']:.3f}", f"{c['agreement']:.3f}", c["frames"])
        for c in summary["channels"]
    ]
    made = summary["weights"] or "agreement alone"
    of = f"{summary['objects']} objects and " if summary["objects"] > 1 else ""
    lines = [
        table([("channel", "weight", "agreement", "frames"), *rows]),
        f"{summary['frames']} frames of {of}{len(rows)} channels fused by {made}, "
        f"filtered with preset {summary['preset']}, "
        f"in {summary['seconds']:.1f} s ({summary['frames_per_second']:.1f} frames/s)",
    ]
    gaps = summary["frames_without_mask"]
    if gaps:
        some = ", ".join(gaps[:5]) + (", ..." if len(gaps) > 5 else "")
        lines.append(f"{len(gaps)} frames had no mask of any channel and were filled: {some}")
    lines += [f"warning: {sentence}" for sentence in summary["warnings"]]
    doubt = summary["most_doubtful"]
    which = f" of object {doubt['object']}" if of else ""
    lines += [
        f"most doubtful: frame {doubt['frame']}{which} ({doubt['doubt']:.2f}); "
        f"more with spectrack review {summary['out']}",
        f"results: {summary['out']} (masks/*.png, boxes.csv, track.json)",
    ]
    if summary["overlay"]:
        lines.append(f"overlay: {summary['overlay']}")
    return "\n".join(lines)


def _means(summary: dict[str, Any]) -> str:
    """Weight and agreement of each channel, mean over the sequences done; empty if none was."""
    done = summary["done"]
    if not done:
        return ""
    rows = []
    for c, channel in enumerate(done[0]["channels"]):
        mine = [one["channels"][c] for one in done]
        means = (sum(m[what] for m in mine) / len(mine) for what in ("weight", "agreement"))
        rows.append((channel["name"], *(f"{mean:.3f}" for mean in means)))
    return table([("channel", "weight", "agreement"), *rows]) + "\n"
