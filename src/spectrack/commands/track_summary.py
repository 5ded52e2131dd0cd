"""What ``spectrack track`` tells when it is done, for people and machines."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from spectrack.errors import InputWarning

if TYPE_CHECKING:
    from spectrack.tracks import Tracks

EXPLAINED = "explain.png"
TOLD = ("input ", "frames that cannot be decoded ")
"""How the warnings begin that are told at the end."""


@contextmanager
def told_at_the_end() -> Iterator[list[str]]:
    """Inputs that failed, broken frames, and what was taken otherwise than named: told at the end.

    Yields:
        The sentences, as they come.
    """
    sentences: list[str] = []
    with warnings.catch_warnings():
        for start in TOLD:
            warnings.filterwarnings("always", start, RuntimeWarning)
        warnings.simplefilter("always", InputWarning)
        show = warnings.showwarning

        def take(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            failed = category is RuntimeWarning and str(message).startswith(TOLD)
            if failed or issubclass(category, InputWarning):
                sentences.append(str(message))
            else:
                show(message, category, filename, lineno, file, line)

        warnings.showwarning = take
        yield sentences


def summarise(
    tracks: Tracks, seconds: float, out: Path, overlay: bool, explained: bool = False
) -> dict[str, Any]:
    """What a run gave, for people and machines.

    Args:
        tracks: The answers.
        seconds: How long this run has worked.
        out: The result folder.
        overlay: Whether ``overlay.mp4`` was written.
        explained: Whether ``explain.png`` was written.
    """
    frames, info = len(tracks.first), tracks.first.info
    resumed_at = info.get("resumed_at", [])
    done = frames - (resumed_at[-1] if resumed_at else 0)
    return {
        "out": str(out),
        "frames": frames,
        "complete": info.get("complete", True),
        "size_wh": list(tracks.first.size_wh),
        "tracker": info.get("tracker"),
        "objects": {
            str(key): {
                "found": sum(e.found for e in track),
                "mean_score": sum(e.score for e in track) / frames,
            }
            for key, track in tracks.items()
        },
        "seconds": round(seconds, 3),
        "frames_per_second": round(done / seconds, 2) if seconds > 0 else None,
        "resumed_at": resumed_at,
        "broken_frames": info.get("broken_frames", []),
        "overlay": str(out / "overlay.mp4") if overlay else None,
        "explain": str(out / EXPLAINED) if explained else None,
    }


def text(summary: dict[str, Any]) -> str:
    """The summary in a few lines."""
    lines = [
        f"{summary['frames']} frames followed with {summary['tracker']} "
        f"in {summary['seconds']:.1f} s ({summary['frames_per_second'] or 0:.1f} frames/s)"
    ]
    if summary["resumed_at"]:
        at = ", ".join(map(str, summary["resumed_at"]))
        lines.append(f"an earlier run was killed: the tracker was started again at frame {at}")
    for key, found in summary["objects"].items():
        lines.append(
            f"object {key}: found in {found['found']} of {summary['frames']} frames, "
            f"mean score {found['mean_score']:.2f}"
        )
    lines += [f"warning: {sentence}" for sentence in summary["warnings"]]
    if not summary["complete"]:
        lines.append("not complete: the run was stopped before the end of the video")
    lines.append(f"results: {summary['out']} (masks/*.png, boxes.csv, track.json)")
    if summary["overlay"]:
        lines.append(f"overlay: {summary['overlay']}")
    if summary["explain"]:
        lines.append(f"explain: {summary['explain']}")
    return "\n".join(lines)
