"""``spectrack demo``: the main job on a clip made on the spot, with exact masks to compare."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import arg

from spectrack.commands.base import Command, Flag, at_least, choose, versions

if TYPE_CHECKING:
    from spectrack.commands.console import Console
    from spectrack.datasets.synthetic.scene import SyntheticClip

FPS = 24.0
SIZE_WH = (428, 240)  # H.264 wants even sides; the padding would not fit the masks


@dataclass(frozen=True, kw_only=True)
class DemoCommand(Command):
    """Make a clip with exact masks, follow the object in it, and measure the result.

    The clip: a koi that bends as it swims, a moving camera over pebbles, a second koi of the same
    colours, lily pads that hide a part of it. The tracker gets the video and the first box alone.
    """

    out: Annotated[Path, arg(metavar="DIR")] = Path("demo")
    """Where the clip and the results go; a new or empty folder."""
    frames: Annotated[int, arg(metavar="N")] = 60
    """Length of the clip."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Another number makes another clip."""
    tracker: Annotated[str, arg(metavar="NAME")] = "sftrack"
    """What follows; see `spectrack trackers`."""
    overwrite: Flag = False
    """Replace an earlier demo in DIR."""

    def run(self, console: Console) -> int:
        """Make, follow, measure, and say where everything lies."""
        from spectrack.commands.output import DEMO, check_output, staged
        from spectrack.tracking.table import TRACKERS

        choose("tracker", self.tracker, TRACKERS)
        at_least("--frames", self.frames, 3)
        check_output(self.out, DEMO, self.overwrite)

        from spectrack.datasets.synthetic.scene import make_clip

        with staged(self.out, DEMO, self.overwrite) as part:
            console.remark(f"making a clip of {self.frames} frames")
            clip = make_clip(self.frames, SIZE_WH, self.seed)
            write_clip(clip, part)
            console.remark(
                f"following the object with tracker {self.tracker} "
                "(kernels are compiled the first time, up to a minute)"
            )
            values = self._follow(clip, part, console)
            (part / DEMO.marker).write_text(json.dumps(values, indent=1) + "\n")
        console.result(values, text(values))
        return 0

    def _follow(self, clip: SyntheticClip, part: Path, console: Console) -> dict[str, Any]:
        from spectrack.api import make_tracker, track
        from spectrack.commands.track import EXPLAINED, write_overlay, write_sheet
        from spectrack.evaluation.score import score_track
        from spectrack.tracking.explaining import Explainer
        from spectrack.tracks import Tracks

        video = part / "clip.mp4"
        explainer = Explainer() if make_tracker(self.tracker).explains else None
        started = time.perf_counter()
        with console.progress("tracking") as progress:
            found = track(
                video,
                box=clip.target.box,
                tracker=self.tracker,
                progress=progress,
                explain=explainer,
            )
        seconds = time.perf_counter() - started
        console.remark("measuring the result")
        score = score_track(found, clip.sequence(), consistency=True)
        found.info.update(source=str(self.out / "clip.mp4"), versions=versions())
        found.info["timings"] = {"tracking_s": round(seconds, 3)}
        tracks = Tracks({1: found})
        tracks.save(part / "result")
        if explainer is not None:
            write_sheet(explainer, "a koi in a pond", part / "result" / EXPLAINED, console)
        write_overlay(str(video), tracks, part / "result", console, None)
        return {
            "out": str(self.out),
            "tracker": self.tracker,
            "frames": self.frames,
            "seed": self.seed,
            "explained": explainer is not None,
            **{name: score.summary(name).mean for name in score.values},
            "frames_per_second": round(self.frames / seconds, 2),
        }


def write_clip(clip: SyntheticClip, folder: Path) -> None:
    """Write ``clip.mp4`` and ``truth/*.png``."""
    from spectrack.tracks import write_index_png
    from spectrack.video.writer import VideoWriter

    with VideoWriter(folder / "clip.mp4", FPS, clip.size_wh) as writer:
        for frame in clip.frames_thwc:
            writer.write(frame)
    (folder / "truth").mkdir()
    for stem, mask in zip(clip.stems, clip.masks_thw, strict=True):
        write_index_png(folder / "truth" / f"{stem}.png", mask.astype("uint8"))


def text(values: dict[str, Any]) -> str:
    """The outcome in a few lines."""
    out = Path(values["out"])
    labels = {"J": "J", "F": "F", "box_iou": "box IoU", "tcont": "TCONT"}
    measured = ", ".join(f"{label} {values[k]:.3f}" for k, label in labels.items() if k in values)
    result = out / "result"
    lines = [
        f"{measured} ({values['frames_per_second']:.1f} frames/s)",
        f"clip:    {out / 'clip.mp4'}",
        f"truth:   {out / 'truth'}",
        f"result:  {result} (masks/*.png, boxes.csv, track.json)",
        f"overlay: {result / 'overlay.mp4'}  <- look at this first",
    ]
    if values["explained"]:
        lines.append(f"explain: {result / 'explain.png'}  <- how it came about")
    return "\n".join(lines)
