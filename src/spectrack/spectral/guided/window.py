"""The guided filter on a short sub-video, differentiable (SFSeg++ paper, section 3.4).

Once the links are known the filter is linear in the mask, so the backward pass is the transposed
filter: the same steps in reverse order, each sending gradients back along its links. Nothing of
the forward pass needs to be kept but the links. Whole cycles are taken, without the choice of depth
and the cut to [0, 1] of :mod:`spectrack.spectral.guided.stream`, which are not smooth.

The paper trains on sub-videos of 5 frames; memory is about 80 bytes an active pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.errors import InputError
from spectrack.spectral.guided.links import LinkedFrame
from spectrack.spectral.guided.settings import GuidedSettings, Taps
from spectrack.spectral.guided.sweeps import sweep, sweep_adjoint
from spectrack.spectral.guided.tiles import Ranges, with_slack

Planes = NDArray[np.float32]
UNKNOWN: Ranges = np.empty((0, 0, 2), dtype=np.float32)
"""No pixel is left alone here: the filter would not be linear."""


class GuidedWindow:
    """The links of a sub-video.

    Args:
        frames: T frames, uint8 RGB (H, W, 3).
        near_thw: Masks that say where pixels may change: within ``reach`` of their boundaries,
            float32 (T, H, W) in [0, 1].
        flows: For each pair of consecutive frames the flow from the first to the second and back,
            (H, W, 2), pixels; None leaves every frame by itself.
        settings: The recipe.

    Raises:
        InputError: If the numbers of frames, masks and flows do not fit.
    """

    def __init__(
        self,
        frames: Sequence[NDArray[np.uint8]],
        near_thw: Planes,
        flows: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]] | None = None,
        settings: GuidedSettings | None = None,
    ) -> None:
        pairs = len(frames) - 1
        if not len(frames) or len(near_thw) != len(frames) or len(flows or [0] * pairs) != pairs:
            raise InputError(
                f"{len(frames)} frames, {len(near_thw)} masks and {len(flows or ())} flows were "
                "given; give a mask a frame and the flows of each pair"
            )
        self.settings = settings or GuidedSettings()
        s = self.settings
        self.shape = tuple(near_thw.shape)
        self._taps = Taps(self.shape[2], s)
        built = [
            LinkedFrame(frame, np.ascontiguousarray(near_hw[None]), self._taps, s)
            for frame, near_hw in zip(frames, near_thw, strict=True)
        ]
        for t, (forward, backward) in enumerate(flows or ()):
            built[t].link(built[t + 1], forward, backward, before=False)
            built[t + 1].link(built[t], backward, forward, before=True)
        for frame in built:
            frame.release()
        self._links = [(frame.links, frame.near) for frame in built]

    def apply(self, soft_thw: Planes) -> Planes:
        """All steps of the filter; (T, H, W) to (T, H, W)."""
        old = self._padded(soft_thw, cv2.BORDER_REPLICATE)
        last = len(old) - 1
        for tau in self.settings.lengths:
            new = [with_slack(plane) for plane in old]
            for t, (links, near) in enumerate(self._links):
                around = old[max(t - 1, 0)], old[t], old[min(t + 1, last)]
                sweep(
                    *links,
                    self._taps.own,
                    self._taps.side,
                    near,
                    *around,
                    (UNKNOWN, UNKNOWN, UNKNOWN),
                    t < last,
                    tau,
                    False,
                    -1.0,
                    self._taps.in_rows,
                    new[t],
                )
            old = new
        return self._cropped(old)

    def apply_transposed(self, gradient_thw: Planes) -> Planes:
        """The transpose of :meth:`apply`, for gradients; (T, H, W) to (T, H, W)."""
        new = self._padded(gradient_thw, cv2.BORDER_CONSTANT)
        last = len(new) - 1
        for tau in reversed(self.settings.lengths):
            old = [plane.copy() for plane in new]
            for plane, (links, _) in zip(old, self._links, strict=True):
                plane[links[0]] = 0
            for t, (links, _) in enumerate(self._links):
                around = old[max(t - 1, 0)], old[t], old[min(t + 1, last)]
                sweep_adjoint(*links, self._taps.own, self._taps.side, new[t], tau, *around)
            new = old
        return self._cropped(new)

    def _padded(self, volume_thw: Planes, border: int) -> list[Planes]:
        if tuple(volume_thw.shape) != self.shape:
            raise InputError(
                f"masks of shape {tuple(volume_thw.shape)} were given; expected {self.shape}"
            )
        pad = self._taps.pad
        planes: list[Planes] = []
        for plane in volume_thw:
            whole = np.ascontiguousarray(plane, dtype=np.float32)
            padded: Planes = np.asarray(cv2.copyMakeBorder(whole, pad, pad, pad, pad, border))
            planes.append(with_slack(padded.ravel()))
        return planes

    def _cropped(self, planes: list[Planes]) -> Planes:
        pad, (_, height, width) = self._taps.pad, self.shape
        rows = [plane.reshape(-1, self._taps.padded_width) for plane in planes]
        return np.stack([r[pad : pad + height, pad : pad + width] for r in rows])


class _Filter(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, soft_thw: Tensor, window: GuidedWindow) -> Tensor:
        ctx.window = window
        return torch.from_numpy(window.apply(soft_thw.detach().cpu().numpy())).to(soft_thw)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        transposed = ctx.window.apply_transposed(gradient.cpu().numpy())
        return torch.from_numpy(transposed).to(gradient), None


def guided_differentiable(soft_thw: Tensor, window: GuidedWindow) -> Tensor:
    """The filtered mask of a sub-video, in [0, 1] with one half as the threshold.

    Args:
        soft_thw: (T, H, W) in [0, 1]; gradients flow back to it.
        window: The links of the sub-video.

    Returns:
        (T, H, W), of the type and on the device of ``soft_thw``. The compiled loops run on the
        CPU in float32.
    """
    level = window.settings.level
    rise = (1 - level) / level
    x = _Filter.apply(soft_thw, window).clamp(0, 1)
    return rise * x / (1 + (rise - 1) * x)
