"""A frame inside the guided filter on a GPU: links found there once, all masks swept at once.

Where pixels may change, flow and colours are found on the CPU as ever; weights and planes are made
and stay on the GPU until a frame is finished.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.errors import InputError
from spectrack.spectral.guided.frame import GuidedFrame
from spectrack.spectral.guided.links import LinkedFrame
from spectrack.spectral.guided.settings import GuidedSettings, Taps

BLOCK = 256


def triton_device() -> torch.device:
    """Where the kernels run: a GPU, or the CPU with TRITON_INTERPRET=1, slowly.

    Raises:
        InputError: If there is neither, or no Triton.
    """
    if find_spec("triton") is None:
        raise InputError("The triton kernel needs Triton; install it with: pip install triton")
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    if os.environ.get("TRITON_INTERPRET") == "1":
        return torch.device("cpu")
    raise InputError("The triton kernel needs a CUDA device and this machine has none; use numba.")


class TritonFrame(GuidedFrame):
    """A :class:`GuidedFrame` whose weights and planes lie on a GPU; the same arguments."""

    def __init__(
        self,
        frame_hwc: NDArray[np.uint8],
        soft_mhw: NDArray[np.float32],
        taps: Taps,
        settings: GuidedSettings,
        fixed: bool = False,
        guide_hw: NDArray[np.float32] | None = None,
    ) -> None:
        self._device = triton_device()
        self._colours: tuple[tuple[int, int, int, int], Tensor] | None = None
        super().__init__(frame_hwc, soft_mhw, taps, settings, fixed, guide_hw)
        first = self._there(np.stack([planes[0].values for planes in self._planes]))
        self._buffers = first, first.clone()
        self._planes = []
        self._inside = self._there(np.stack(self._hard))
        self._places = self._index(self._own).long()
        self._kept: list[Tensor] = []

    def sum_up(self) -> None:
        """Bring the links to the GPU as they are now; a sweep sums its weights up itself."""
        self._at = [self._index(places) for places in (self._own, self._before, self._after)]
        self._offsets = [self._there(o) for o in (self._taps.own, self._taps.side)]
        self._colours = None

    def result(self, depths: NDArray[np.float64]) -> NDArray[np.float32]:
        """See :meth:`GuidedFrame.result`."""
        self.sent = True
        planes = self._buffers[self.steps % 2]
        if not self.fixed and self._kept:
            planes = planes.clone()
            for m, depth in enumerate(depths):
                if depth < len(self._kept) - 1:
                    first = int(depth)
                    low, high = self._kept[first][m], self._kept[first + 1][m]
                    planes[m, self._places] = torch.lerp(low, high, float(depth - first))
        self._kept.clear()
        pad, height, width = self._taps.pad, self._height, self._width
        rows = planes.view(len(planes), -1, self._taps.padded_width)
        cut = rows[:, pad : pad + height, pad : pad + width]
        if not self.fixed:
            rise = (1 - self._settings.level) / self._settings.level
            cut = rise * cut / (1 + (rise - 1) * cut)
        return np.ascontiguousarray(cut.cpu().numpy())

    def _no_weights(self, count: int) -> Tensor:
        return torch.zeros((self._taps.count, count), dtype=torch.uint8, device=self._device)

    def _weigh(
        self,
        other: LinkedFrame,
        there: NDArray[np.uint32],
        trust: NDArray[np.float32],
        first: int,
    ) -> None:
        from spectrack.spectral.guided.triton_sweep import affinity_kernel

        assert isinstance(other, TritonFrame)
        count, taps = len(self._own), self._taps
        own = (taps.own, taps.own_spatial)
        offsets, spatial = own if other is self else (taps.side, taps.side_spatial)
        affinity_kernel[(-(-count // BLOCK),)](
            lab=self._lab_there(), other=other._lab_there(), here=self._index(self._own),
            there=self._index(there), trust=self._there(trust),
            sharpness=self._there(self._sharpness), offsets=self._there(offsets),
            spatial=self._there(spatial), out=self._weights[first : first + len(offsets)],
            count=count, taps=len(offsets), block=BLOCK,
        )  # fmt: skip

    def _move(
        self, before: GuidedFrame, after: GuidedFrame, old: int, new: int, length: float, ends: bool
    ) -> None:
        from spectrack.spectral.guided.triton_sweep import sweep_kernel

        assert isinstance(before, TritonFrame)
        assert isinstance(after, TritonFrame)
        count = len(self._own)
        if not count:
            return
        out, taps = self._buffers[new], self._taps
        sweep_kernel[(-(-count // BLOCK),)](
            own=self._at[0], before=self._at[1], after=self._at[2], weights=self._weights,
            own_offsets=self._offsets[0], side_offsets=self._offsets[1],
            x_before=before._buffers[old], x_own=self._buffers[old], x_after=after._buffers[old],
            out=out, tau=length, count=count, size=out.shape[1], own_taps=len(taps.own),
            side_taps=len(taps.side), maps=len(out), ahead=self.ahead, clip=ends, block=BLOCK,
        )  # fmt: skip

    def _mark(self, new: int) -> None:
        now = self._buffers[new][:, self._places]
        self._kept.append(now)
        if len(self._kept) > 1:
            return
        after = now >= self._settings.level
        lost, won = (self._inside & ~after).sum(1), (~self._inside & after).sum(1)
        for m, (gone, come) in enumerate(zip(lost.tolist(), won.tolist(), strict=True)):
            union = self._areas[m] + come
            self.change[m] = (gone + come) / union if union else 0.0

    def _lab_there(self) -> Tensor:
        """The colours covered so far; they are sent again where that has grown."""
        if self._colours is None or self._colours[0] != self._covered:
            self._colours = self._covered, self._there(self._lab.reshape(-1, 4))
        return self._colours[1]

    def _there(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self._device)

    def _index(self, places: NDArray[np.uint32]) -> Tensor:
        return self._there(places.astype(np.int32))
