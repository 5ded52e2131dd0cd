"""The same spectral step on different machines; all agree to 1e-5.

``numba`` is the fastest on a CPU, ``triton`` on a GPU, ``torch`` runs on every device. Which one is
used is decided by :func:`choose`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.spectral.sfseg.kernels.threads import share_thread_limit
from spectrack.spectral.sfseg.kernels.tiles import Tiles
from spectrack.spectral.sfseg.settings import Activation, SFSegSettings

share_thread_limit()  # before any kernel imports numba

Kernel = Literal["auto", "numba", "torch", "triton"]
WIDEST = 33
"""Most taps along the width that the numba kernel takes."""


class VolumeFilter(Protocol):
    """A whole video under filtering: it owns the buffers, the caller decides what comes when."""

    def step(self, activation: Activation, first: int, last: int) -> NDArray[np.float64]:
        """One step of power iteration on the frames ``first`` to ``last - 1``.

        The current solution is the activation of the stored one; other frames are only activated.

        Returns:
            (T, 3) minimum, maximum and sum of squares of each frame stored now.
        """
        ...

    def hold(self, activation: Activation, known: Mapping[int, Any]) -> None:
        """Store the activation of what is stored, with known (H, W) values in some frames."""
        ...

    def finish(self, activation: Activation) -> Any:
        """The solution (T, H, W) float32: the activation of the stored one. Ends the filtering."""
        ...


class Stage(Protocol):
    """One step of power iteration over a stream of frames, for ``stream``.

    ``push`` takes in frame t; after it ``pull`` gives the raw result of frame
    ``t - kernel[0] // 2``. Arrays are float32 NumPy arrays whatever computes.
    """

    def unary(self, soft_hw: NDArray[np.float32]) -> NDArray[np.float32]:
        """What ``push`` and ``pull`` want to be given for ``S^p``."""
        ...

    def push(
        self,
        stored_hw: NDArray[np.float32] | None,
        unary_hw: NDArray[np.float32] | None,
        feature_chw: NDArray[np.float32] | None,
        activation: Activation,
    ) -> None:
        """Take in the activation (of one frame) of ``stored_hw``; None is an empty frame."""
        ...

    def pull(
        self, unary_hw: NDArray[np.float32], feature_chw: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Raw result of the middle frame, and its (1, 3) minimum, maximum, sum of squares."""
        ...


def choose(kernel: str, settings: SFSegSettings, channels: int, device: str = "cpu") -> str:
    """The kernel to use.

    Args:
        kernel: ``auto``, ``numba``, ``torch`` or ``triton``.
        settings: The recipe.
        channels: Number of pairwise feature channels.
        device: Type of the device that holds the data, for instance ``cpu`` or ``cuda``.

    Raises:
        InputError: Unknown kernel, or one that cannot do what is asked.
    """
    compiled = device == "cpu" and channels <= 1 and settings.kernel[2] <= WIDEST
    fused = Tiles.of(settings, channels) is not None
    if kernel == "auto":
        if device == "cuda" and fused and has_triton():
            return "triton"
        return "numba" if compiled else "torch"
    if kernel not in ("numba", "torch", "triton"):
        raise InputError(f"The kernel '{kernel}' is not known; give auto, numba, torch or triton.")
    if kernel == "numba" and not compiled:
        raise InputError(
            f"The numba kernel takes one feature channel, {WIDEST} taps along the width and data "
            f"in the CPU's memory, given were {channels}, {settings.kernel[2]} and '{device}'; "
            "use torch or auto."
        )
    if kernel == "triton":
        _check_triton(fused, device)
    return kernel


@lru_cache(maxsize=1)
def has_triton() -> bool:
    """Whether Triton is installed."""
    return find_spec("triton") is not None


def _check_triton(fused: bool, device: str) -> None:
    if not has_triton():
        raise InputError("The triton kernel needs Triton; install it with: pip install triton")
    if not fused:
        raise InputError(
            "The triton kernel has registers for one feature channel and a small window of few "
            "planes, and this recipe asks for more; use torch or auto."
        )
    if device != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        raise InputError(
            f"The triton kernel takes tensors on a CUDA device, given was '{device}'; use auto, or "
            "set TRITON_INTERPRET=1 to try it slowly without one."
        )


def open_filter(
    kernel: str, soft_thw: Any, feature_cthw: Any | None, settings: SFSegSettings
) -> VolumeFilter:
    """A :class:`VolumeFilter` over checked data.

    Args:
        kernel: ``numba`` (NumPy arrays), ``torch`` or ``triton`` (tensors).
        soft_thw: float32 (T, H, W) in [0, 1]; never written to. For ``triton`` float16 and
            bfloat16, too: the type in which maps are kept.
        feature_cthw: float32 (C, T, H, W), or None for no pairwise term.
        settings: The recipe.
    """
    if kernel == "numba":
        from spectrack.spectral.sfseg.kernels.numba import NumbaFilter

        return NumbaFilter(soft_thw, feature_cthw, settings)
    if kernel == "triton":
        from spectrack.spectral.sfseg.kernels.triton import TritonFilter

        return TritonFilter(soft_thw, feature_cthw, settings)
    from spectrack.spectral.sfseg.kernels.torch import TorchFilter

    return TorchFilter(soft_thw, feature_cthw, settings)


def open_stage(
    kernel: str, size_hw: tuple[int, int], channels: int, settings: SFSegSettings
) -> Stage:
    """A :class:`Stage` for frames of one size."""
    if kernel == "numba":
        from spectrack.spectral.sfseg.kernels.numba import NumbaStage

        return NumbaStage(size_hw, channels, settings)
    from spectrack.spectral.sfseg.kernels.torch import ArrayStage

    return ArrayStage(size_hw, channels, settings)
