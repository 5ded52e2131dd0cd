"""The same spectral step on different machines; all agree to 1e-5.

``numba`` is the fastest on a CPU, ``torch`` runs on every device. Which one is used is decided by
:func:`choose`.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.spectral.settings import Activation, SFSegSettings

Kernel = Literal["auto", "numba", "torch"]


class VolumeFilter(Protocol):
    """A whole video under filtering: it owns the buffers, the caller decides what comes when."""

    def step(self, activation: Activation, first: int, last: int) -> NDArray[np.float64]:
        """One step of power iteration on the frames ``first`` to ``last - 1``.

        The current solution is the activation of the stored one; other frames are only activated.

        Returns:
            (T, 3) minimum, maximum and sum of squares of each frame stored now.
        """
        ...

    def finish(self, activation: Activation) -> Any:
        """The solution (T, H, W) float32: the activation of the stored one. Ends the filtering."""
        ...


def choose(kernel: str, device: str = "cpu") -> str:
    """The kernel to use for data on ``device``.

    Args:
        kernel: ``auto``, ``numba`` or ``torch``.
        device: Type of the device that holds the data, for instance ``cpu`` or ``cuda``.

    Raises:
        InputError: Unknown kernel, or numba for data that is not in the CPU's memory.
    """
    if kernel == "auto":
        return "numba" if device == "cpu" else "torch"
    if kernel not in ("numba", "torch"):
        raise InputError(f"The kernel '{kernel}' is not known; give auto, numba or torch.")
    if kernel == "numba" and device != "cpu":
        raise InputError(f"The numba kernel cannot reach data on '{device}'; give torch or auto.")
    return kernel


def open_filter(
    kernel: str, soft_thw: Any, feature_cthw: Any | None, settings: SFSegSettings
) -> VolumeFilter:
    """A :class:`VolumeFilter` over checked data.

    Args:
        kernel: ``numba`` (NumPy arrays) or ``torch`` (tensors).
        soft_thw: float32 (T, H, W) in [0, 1]; never written to.
        feature_cthw: float32 (C, T, H, W), or None for no pairwise term.
        settings: The recipe.
    """
    if kernel == "numba":
        from spectrack.spectral.kernels.numba import NumbaFilter

        return NumbaFilter(soft_thw, feature_cthw, settings)
    from spectrack.spectral.kernels.torch import TorchFilter

    return TorchFilter(soft_thw, feature_cthw, settings)
