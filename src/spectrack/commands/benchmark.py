"""``spectrack benchmark``: measure on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from spectrack.commands.base import Command, at_least, table

if TYPE_CHECKING:
    from spectrack.commands.console import Console


@dataclass(frozen=True, kw_only=True)
class BenchmarkCommand(Command):
    """Measure the spectral kernels: speed, memory, error, and the bandwidth floor.

    Each kernel is timed beside a plain frame-by-frame dense-convolution transcription of the
    published step, on the same volume. Close other programs first.
    """

    what: Annotated[Positional[Literal["spectral"]], arg(metavar="spectral")] = "spectral"
    """What to measure."""
    frames: Annotated[int, arg(metavar="N")] = 50
    """Frames of the volume (480x854)."""
    threads: Annotated[int, arg(metavar="N")] = 2
    """Threads used by every kernel."""

    def run(self, console: Console) -> int:
        """Measure and print."""
        at_least("--frames", self.frames)
        at_least("--threads", self.threads)
        from spectrack.spectral.sfseg.benchmark import run_benchmark

        console.remark(f"measuring on {self.frames} frames; this takes a minute or two")
        values = run_benchmark(frames=self.frames, threads=self.threads)
        console.result(values, text(values))
        return 0


def text(values: dict[str, Any]) -> str:
    """The measurements as two columns; nested ones are indented by their name."""
    return table(flatten(values))


def flatten(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested dictionaries as rows of dotted name and value."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            rows += flatten(value, f"{prefix}{key}.")
        else:
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            rows.append((prefix + key, shown))
    return rows
