"""The curves of a run as a picture: loss, what was monitored, and the learning rate."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure

TAKEN = frozenset({"kind", "epoch", "step", "loss", "rate", "seconds", "gradient"})
"""Names in the log that a validation may not use for its own values."""


def draw_curves(lines: list[dict[str, Any]]) -> bytes:
    """Draw the log of a run.

    Args:
        lines: Lines of the log, steps and epochs.

    Returns:
        A PNG file of 900 x 900 pixels: loss of steps (pale) and epochs, all values of the
        validation, and the learning rate, over steps.
    """
    steps = [line for line in lines if line["kind"] == "step"]
    epochs = [line for line in lines if line["kind"] == "epoch"]
    figure = Figure(figsize=(9, 9), dpi=100, layout="constrained")
    loss, values, rate = figure.subplots(3, 1, sharex=True)
    loss.plot(*_curve(steps, "loss"), color="tab:blue", alpha=0.3, linewidth=0.8)
    loss.plot(*_curve(epochs, "loss"), color="tab:blue", marker=".")
    loss.set_ylabel("training loss")
    for name in [n for n in (epochs[0] if epochs else {}) if n not in TAKEN]:
        values.plot(*_curve(epochs, name), marker=".", label=name)
    if values.lines:
        values.legend()
    values.set_ylabel("validation")
    rate.plot(*_curve(steps, "rate"), color="tab:grey")
    rate.set_yscale("log")
    rate.set_ylabel("learning rate")
    rate.set_xlabel("step")
    for panel in (loss, values, rate):
        panel.grid(alpha=0.3)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def _curve(lines: list[dict[str, Any]], name: str) -> tuple[list[float], list[float]]:
    return [line["step"] for line in lines], [line[name] for line in lines]
