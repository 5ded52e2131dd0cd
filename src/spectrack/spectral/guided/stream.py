"""Guided filter: the spectral step with data-dependent links (our ``colour`` and ``deep``).

One step is the degree-normalised power iteration

    x_i <- sum_j w_ij x_j / sum_j w_ij,    w_ij = g_ij c_ij / (1 + alpha_i |lab_i - lab_j|^2 / 4)^4

over the neighbours j of pixel i in its own frame and around the place where optical flow carries
it in the frame before and after. g falls off with distance, c is the forward-backward check of the
flow (1 in the own frame), alpha is high in flat regions and low in busy ones. It is a random walk
on the same space-time graph as that of the SFSeg++ paper (Eq. 2), with links sharp enough to stop
at the edge of the object: values stay in [0, 1], constants are kept, and one half stays a
meaningful threshold.

Steps of unequal length, x + tau (W x - x), reach the same state with fewer of them: a cycle of n
steps of fast explicit diffusion (Grewenig, Weickert and Bruhn 2010) goes as far as about
0.47 n (n + 1) plain ones. How far to go depends on the input: a mask that hardly changes in the
first cycle fits its video and is left after it, one that changes much goes on to the last.

Only pixels within ``reach`` of a boundary move. Step k of frame t needs step k - 1 of frames
t - 1 to t + 1 alone, so a stream of frames is filtered in a staggered front: each frame comes out,
exactly as if the whole video had been filtered at once, ``iterations`` frames after it went in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.spectral.guided.frame import GuidedFrame
from spectrack.spectral.guided.given import checked_flow, checked_guide, checked_masks
from spectrack.spectral.guided.settings import GUIDED_PRESETS, GuidedSettings, Taps
from spectrack.spectral.guided.trust import GuideTrust

__all__ = ["GUIDED_PRESETS", "GuidedSettings", "GuidedStream", "guided"]

Planes = NDArray[np.float32]


class GuidedStream:
    """Filters any number of frames in fixed memory.

    Memory is that of ``iterations + 2`` frames: two float32 planes a mask, and about 80 bytes an
    active pixel.

    Args:
        size_wh: Width and height of the frames.
        maps: Masks that go through together; they share flow and affinities.
        settings: The recipe.
        kernel: ``numba``, or ``triton``, which keeps links and masks on a GPU.

    Raises:
        InputError: If the size or the number of maps is not positive, or the kernel cannot run.
    """

    def __init__(
        self,
        size_wh: tuple[int, int],
        maps: int = 1,
        settings: GuidedSettings | None = None,
        kernel: str = "numba",
    ) -> None:
        if min(size_wh) < 1 or maps < 1:
            raise InputError(
                f"{maps} masks of {size_wh[0]}x{size_wh[1]} were asked for; give one or more"
            )
        self.settings = settings or GUIDED_PRESETS["colour"]
        self.size_wh, self.maps = size_wh, maps
        s = self.settings
        self._taps = Taps(size_wh[0], s)
        self._frame = _frame_class(kernel)
        self._window: deque[GuidedFrame] = deque()
        # Frames around a finished one that have ended their first cycle, on either side.
        self._around = s.iterations - s.cycles[0] if s.cycles else 0
        self._past: deque[NDArray[np.float64] | None] = deque(maxlen=self._around + 1)
        self._trust = GuideTrust(s.share)

    def push(
        self,
        frame_hwc: NDArray[np.uint8],
        soft_mhw: NDArray[np.float32],
        forward_hw2: NDArray[np.float32] | None = None,
        backward_hw2: NDArray[np.float32] | None = None,
        fixed: bool = False,
        guide_hw: NDArray[np.float32] | None = None,
    ) -> list[Planes]:
        """Take the next frame.

        Args:
            frame_hwc: uint8 RGB, (H, W, 3).
            soft_mhw: Soft masks in [0, 1], (maps, H, W); (H, W) for one.
            forward_hw2: Flow from the previous frame to this one, (H, W, 2), pixels. Without both
                flows (first frame, cut) the frame is not linked to the previous one.
            backward_hw2: Flow from this frame to the previous one.
            fixed: Whether the masks of this frame are known: they come out as they went in, and
                the frames beside it are drawn to them. What lies before such a frame and what lies
                after it do not reach each other.
            guide_hw: What else tells pixels apart beside their colours, as what a network sees in
                the box of the mask: (H, W) in [0, 1]. :attr:`LinkSettings.guidance` weighs it.

        Returns:
            The frames that are ready, in order: float32 (maps, H, W) in [0, 1], foreground from
            one half.

        Raises:
            InputError: If shapes do not fit, a mask or guide holds NaN or leaves [0, 1], or a guide
                is to take a share of several masks.
        """
        soft = checked_masks(frame_hwc, soft_mhw, self.maps, self.size_wh)
        guide = checked_guide(guide_hw, self.size_wh)
        if guide is not None and self.settings.share:
            if self.maps > 1:
                raise InputError(
                    f"{self.maps} masks were given with one guide that is to take a share of each; "
                    "filter them one by one, or set share to 0"
                )
            linked = forward_hw2 is not None and self._window
            share = self._trust(soft[0], guide, backward_hw2 if linked else None)
            if not fixed:
                soft = soft + np.float32(share) * (guide - soft)
        new = self._frame(frame_hwc, soft, self._taps, self.settings, fixed, guide)
        if self._window:
            if forward_hw2 is not None and backward_hw2 is not None:
                last = self._window[-1]
                flows = [checked_flow(f, self.size_wh) for f in (forward_hw2, backward_hw2)]
                last.link(new, flows[0], flows[1], before=False)
                new.link(last, flows[1], flows[0], before=True)
            self._window[-1].release()
        self._window.append(new)
        return self._advance()

    def flush(self) -> list[Planes]:
        """The frames still inside; the stream is empty and may be used again afterwards."""
        ready: list[Planes] = []
        if self._window:
            self._window[-1].release()
        while self._window:
            ready += self._advance(ended=True)
        self._past.clear()
        self._trust.reset()
        return ready

    def _advance(self, ended: bool = False) -> list[Planes]:
        """One step of every frame that has a next one, newest first; then what is finished.

        A frame at step k reads both neighbours at step k. Going from new to old, the next frame
        has just reached k and the previous one is at k + 1 and still holds k.
        """
        window = self._window
        for i in range(len(window) - 1, -1, -1):
            before = window[i - 1] if i > 0 else None
            after = window[i + 1] if i + 1 < len(window) else None
            if window[i].steps < self.settings.iterations and (after is not None or ended):
                window[i].sweep(before, after)
        ready = []
        for i, frame in enumerate(window):
            if frame.steps == self.settings.iterations and not frame.sent:
                ready.append(frame.result(self._depths(i)))
        # A finished frame stays until the next one has read it for the last time.
        while window and window[0].sent and (window[1].sent if len(window) > 1 else ended):
            window.popleft()
        return ready

    def _depths(self, i: int) -> NDArray[np.float64]:
        """Cycles whose results to mix for frame i of the window, (maps,), in [0, cycles - 1]."""
        s = self.settings
        if not s.cycles:
            return np.zeros(self.maps)
        self._past.append(self._change_of(self._window[i]))
        later = [self._change_of(f) for f in islice(self._window, i + 1, i + 1 + self._around)]
        told = [change for change in [*self._past, *later] if change is not None]
        change = np.stack(told or [np.zeros(self.maps)]).mean(axis=0)
        depths: NDArray[np.float64] = np.asarray(
            np.interp(change, s.changes, np.arange(len(s.changes)))
        )
        return depths

    @staticmethod
    def _change_of(frame: GuidedFrame) -> NDArray[np.float64] | None:
        """How much the first cycle changed a frame, (maps,); None where nothing may change."""
        return None if frame.fixed else frame.change


def _frame_class(kernel: str) -> type[GuidedFrame]:
    if kernel == "numba":
        return GuidedFrame
    if kernel != "triton":
        raise InputError(f"The kernel '{kernel}' is not known; give numba or triton.")
    from spectrack.spectral.guided.triton import TritonFrame, triton_device

    triton_device()  # says at once what is missing
    return TritonFrame


def guided(
    frames: Iterable[NDArray[np.uint8]],
    soft: NDArray[np.float32],
    flows: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]] | None = None,
    settings: GuidedSettings | None = None,
    fixed: Collection[int] = (),
    kernel: str = "numba",
    guide_thw: NDArray[np.float32] | None = None,
) -> Planes:
    """Filter the masks of a whole video; :class:`GuidedStream` does the same in fixed memory.

    Args:
        frames: T frames, uint8 RGB, (H, W, 3).
        soft: Soft masks in [0, 1], (T, H, W) or (maps, T, H, W).
        flows: For each of the T - 1 pairs of consecutive frames the flow from the first to the
            second and back, (H, W, 2), pixels. None filters every frame by itself.
        settings: The recipe; ``colour`` where left out.
        fixed: Frames whose masks are known and stay; see :meth:`GuidedStream.push`.
        kernel: ``numba`` or ``triton``; see :class:`GuidedStream`.
        guide_thw: A guide for each frame; see :meth:`GuidedStream.push`.

    Returns:
        float32, the shape of ``soft``, in [0, 1], foreground from one half.

    Raises:
        InputError: If shapes or values do not fit.
    """
    array = np.asarray(soft, dtype=np.float32)
    soft_mthw = array[None] if array.ndim == 3 else array
    if soft_mthw.ndim != 4 or 0 in soft_mthw.shape:
        raise InputError(
            f"masks of shape {array.shape} were given; expected (T, H, W) or (maps, T, H, W)"
        )
    maps, count, height, width = soft_mthw.shape
    if guide_thw is not None and len(guide_thw) != count:
        raise InputError(f"{len(guide_thw)} guides were given for {count} masks; give one a frame")
    stream, out = GuidedStream((width, height), maps, settings, kernel), []
    seen = 0
    for t, frame in enumerate(frames):
        if t >= count or (flows is not None and t > len(flows)):
            raise InputError(f"{count} masks were given for more frames; give one a frame")
        forward, backward = (None, None) if flows is None or t == 0 else flows[t - 1]
        guide = None if guide_thw is None else guide_thw[t]
        out += stream.push(frame, soft_mthw[:, t], forward, backward, t in fixed, guide)
        seen += 1
    if seen != count:
        raise InputError(f"{count} masks were given for {seen} frames; give one a frame")
    result = np.stack(out + stream.flush(), axis=1)
    return result[0] if array.ndim == 3 else result
