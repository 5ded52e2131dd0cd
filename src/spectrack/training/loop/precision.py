"""Which mixed precision pays on a device."""

from __future__ import annotations

import torch

from spectrack.training.loop.settings import Precision

INSTRUCTIONS = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
"""PyTorch's questions whether a CPU multiplies bfloat16 itself."""


def precision_on(device: torch.device, asked: Precision) -> Precision:
    """The precision that a run computes in.

    A CPU without instructions for bfloat16 computes it ten times slower than float32 (measured on
    one with AVX2 alone), so "auto" is bfloat16 only where the hardware has it.

    Args:
        device: Of the run.
        asked: In the settings; anything but "auto" is left as it is.
    """
    if asked != "auto":
        return asked
    if device.type == "cpu":
        return "bf16" if any(_told(question) for question in INSTRUCTIONS) else "none"
    return "bf16" if device.type != "cuda" or torch.cuda.is_bf16_supported() else "none"


def _told(question: str) -> bool:
    asked = getattr(torch.cpu, question, None)  # not in every release
    return asked is not None and bool(asked())
