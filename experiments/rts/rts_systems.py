"""RTS and its ablations by name (RTS paper, Tables 1 and 2), for the weights of `train rts`."""

from __future__ import annotations

from typing import Any

RTS_ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "rts": ("RTS", {}),
    "rts-no-instance": ("without the instance branch", {"instance": False, "conditioning": False}),
    "rts-no-conditioning": ("without conditioning", {"conditioning": False}),
    "rts-no-fallback": ("without the fallback", {"fallback": False}),
    "rts-found-2": ("found from a peak of 0.2", {"presence": 0.2}),
    "rts-found-4": ("found from a peak of 0.4", {"presence": 0.4}),
    "rts-paper": ("rules of the paper's text", {"variant": "paper"}),
}
"""What tables call it, and its settings."""

FUSED = "sftrack-rts"
"""SFTrack++ with RTS as a fourth input, under its usual settings otherwise."""


def fused_inputs(weights: str) -> str:
    """Inputs of :data:`FUSED`."""
    return f"flow,csrt,kcf,rts:weights={weights}"
