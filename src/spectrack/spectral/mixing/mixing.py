"""Mixing the masks of several methods into one soft mask (SFSeg++ paper, section 3.3, Eq. 9).

    S_m = 1 / (1 + exp(-(sum_i W_it S_it + b)))

The weights follow how well a channel agrees with the others around frame t:

    W_it = w_i a_it^g (sum_j w_j) / (sum_j w_j a_jt^g)      over the channels j present at t

a_it is the mean over the frames t - reach .. t + reach of the IoU of channel i with the majority
of the channels. With g = 0 and all channels present this is the paper's Eq. 9 with the weights w
and the bias b; the sum of the weights stays the same, so that b keeps its meaning when a channel
is missing or out of favour. (The paper prints the sigmoid with the other sign of x.)

A stream keeps 2 reach + 1 frames of bytes a channel; a frame comes out ``reach`` frames late.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.spectral.mixing.kernels import consensus_overlap, mix
from spectrack.spectral.mixing.settings import MixingSettings, factor_to_sum
from spectrack.threads import threads_for


@dataclass(frozen=True, slots=True)
class Mixed:
    """One mixed frame.

    Attributes:
        soft_hw: S_m, float32 (H, W) in [0, 1].
        pairwise_hw: F_m, float32 (H, W) in [0, 1]; S_m itself where weights are shared.
        weights_c: W_it of each channel, float32 (C,); 0 for a missing one.
        agreement_c: a_it of each channel, float32 (C,) in [0, 1]; 0 for a missing one.
        disagreement: In [0, 1]: twice the variance of the channels over their mean, each summed
            over the frame; 0 where all say the same, 1 where half of them say the opposite.
    """

    soft_hw: NDArray[np.float32]
    pairwise_hw: NDArray[np.float32]
    weights_c: NDArray[np.float32]
    agreement_c: NDArray[np.float32]
    disagreement: float


class MixStream:
    """Mixes any number of frames in fixed memory.

    Args:
        settings: Channels and their weights.
        size_wh: Width and height of the frames.

    Raises:
        InputError: If the size is not positive, or the weights follow the target's size.
    """

    def __init__(self, settings: MixingSettings, size_wh: tuple[int, int]) -> None:
        if min(size_wh) < 1:
            raise InputError(f"frames of {size_wh[0]}x{size_wh[1]} were asked for; give 1 or more")
        self.settings, self.size_wh = settings.of_one_size(), size_wh
        self._waiting: deque[tuple[NDArray[np.uint8], NDArray[np.bool_]]] = deque()
        self._agreement: deque[tuple[NDArray[np.float64], NDArray[np.bool_]]] = deque()
        self._next = 0  # place in _agreement of the first frame that waits

    def push(self, channels_chw: NDArray[Any], present_c: Any = None) -> list[Mixed]:
        """Take the channels of the next frame.

        Args:
            channels_chw: (C, H, W): bytes with 255 for 1, bool, or floats in [0, 1] (kept to
                1/255). It is kept until the frame comes out: do not write to it.
            present_c: Which channels have a mask here, bool (C,); all by default.

        Returns:
            The frames that are ready, in order.

        Raises:
            InputError: If the shape does not fit, or a value is NaN or outside [0, 1].
        """
        width, height = self.size_wh
        expected = (len(self.settings.names), height, width)
        if channels_chw.shape != expected:
            raise InputError(
                f"channels of shape {channels_chw.shape} were given; expected {expected}"
            )
        bytes_chw, present = to_bytes(channels_chw), present_flags(present_c, expected[0])
        self._waiting.append((bytes_chw, present))
        self._agreement.append((agreement(bytes_chw, present), present))
        return self._advance(self.settings.reach)

    def flush(self) -> list[Mixed]:
        """The frames still inside; the stream is empty and may be used again afterwards."""
        ready = self._advance(0)
        self._agreement.clear()
        self._next = 0
        return ready

    def _advance(self, ahead: int) -> list[Mixed]:
        ready, reach = [], self.settings.reach
        while len(self._waiting) > ahead:
            around = list(self._agreement)[max(0, self._next - reach) : self._next + reach + 1]
            waiting = self._waiting.popleft()
            ready.append(mix_frame(self.settings, *waiting, smooth_agreement(around)))
            self._next += 1
            while self._next > reach:
                self._agreement.popleft()
                self._next -= 1
        return ready


def mix_frame(
    settings: MixingSettings,
    bytes_chw: NDArray[np.uint8],
    present_c: NDArray[np.bool_],
    agreement_c: NDArray[np.float64],
) -> Mixed:
    """Mix the channels of one frame.

    Args:
        settings: Channels and their weights.
        bytes_chw: (C, H, W), 255 for 1.
        present_c: Which channels count, (C,).
        agreement_c: a_it, (C,), in [0, 1].
    """
    s = settings
    agreement_c = np.where(present_c, agreement_c, 0.0)
    weights = frame_weights(np.array(s.weights), agreement_c, present_c, s.agreement)
    shares = np.maximum(weights, 0)
    shares /= shares.sum() or 1.0
    soft, spread, mass = _map(bytes_chw, present_c, weights, shares, s.bias)
    pairwise = soft
    if s.pairwise_weights is not None or s.pairwise_bias is not None:
        own = np.array(s.weights if s.pairwise_weights is None else s.pairwise_weights)
        bias = s.bias if s.pairwise_bias is None else s.pairwise_bias
        other = frame_weights(own, agreement_c, present_c, s.agreement)
        pairwise = _map(bytes_chw, present_c, other, shares, bias)[0]
    return Mixed(
        soft_hw=soft,
        pairwise_hw=pairwise,
        weights_c=weights.astype(np.float32),
        agreement_c=agreement_c.astype(np.float32),
        disagreement=min(1.0, 2 * max(spread, 0.0) / mass) if mass > 0 else 0.0,
    )


def _map(
    bytes_chw: NDArray[np.uint8],
    present: NDArray[np.bool_],
    weights: NDArray[np.float64],
    shares: NDArray[np.float64],
    bias: float,
) -> tuple[NDArray[np.float32], float, float]:
    out = np.empty(bytes_chw[0].size, dtype=np.float32)
    which = np.flatnonzero(present)
    with threads_for(bytes_chw.size):
        spread, mass = mix(
            bytes_chw.reshape(len(bytes_chw), -1),
            which,
            weights[which].astype(np.float32),
            shares[which].astype(np.float32),
            bias,
            out,
        )
    return out.reshape(bytes_chw.shape[1:]), spread, mass


def present_flags(present_c: Any, count: int) -> NDArray[np.bool_]:
    """Which of ``count`` channels have a mask, bool (count,); all where None is given.

    Raises:
        InputError: If there is not one flag a channel.
    """
    present = np.ones(count, bool) if present_c is None else np.asarray(present_c, bool)
    if present.shape != (count,):
        raise InputError(f"{present.size} flags were given for {count} channels; give one each")
    return present


def to_bytes(channels: NDArray[Any]) -> NDArray[np.uint8]:
    """Soft or hard maps as bytes, 255 for 1; bytes pass as they are.

    Raises:
        InputError: If a float is NaN or outside [0, 1], or the type is another.
    """
    if channels.dtype == np.uint8:
        return np.ascontiguousarray(channels)
    if channels.dtype == np.bool_:
        return channels.astype(np.uint8) * np.uint8(255)
    if not np.issubdtype(channels.dtype, np.floating):
        raise InputError(f"channels of type {channels.dtype} were given; give uint8, bool or float")
    # A NaN fails the comparison too.
    if channels.size and not (channels.min() >= 0 and channels.max() <= 1):
        raise InputError("a channel holds NaN or leaves [0, 1]; give values in [0, 1]")
    return np.rint(channels * 255).astype(np.uint8)


def agreement(bytes_chw: NDArray[np.uint8], present_c: NDArray[np.bool_]) -> NDArray[np.float64]:
    """IoU of each channel of a frame with the majority of those present, (C,); 1 where both empty.

    Args:
        bytes_chw: (C, H, W), 255 for 1.
        present_c: Which channels count; the others get 0.
    """
    count = len(bytes_chw)
    inter, area = np.zeros(count), np.zeros(count)
    which = np.flatnonzero(present_c)
    if not len(which):
        return np.zeros(count)
    with threads_for(bytes_chw.size):
        size = consensus_overlap(bytes_chw.reshape(count, -1), which, inter, area)
    # One pixel more on both sides: tiny masks do not jump, and empty ones agree.
    found: NDArray[np.float64] = np.where(present_c, (inter + 1) / (area + size - inter + 1), 0.0)
    return found


def smooth_agreement(
    around: Sequence[tuple[NDArray[np.float64], NDArray[np.bool_]]],
) -> NDArray[np.float64]:
    """Mean of the agreement of each channel over the frames it is present in, (C,); 0 if none."""
    values = np.stack([np.where(present, a, 0.0) for a, present in around])
    seen = np.stack([present for _, present in around]).sum(axis=0)
    mean: NDArray[np.float64] = values.sum(axis=0) / np.maximum(seen, 1)
    return mean


def frame_weights(
    weights_c: NDArray[np.float64],
    agreement_c: NDArray[np.float64],
    present_c: NDArray[np.bool_],
    exponent: float,
) -> NDArray[np.float64]:
    """W_it of the module's formula, (C,); 0 for missing channels.

    Args:
        weights_c: w, (C,).
        agreement_c: a_it in [0, 1], (C,); below 0.02 counts as 0.02.
        present_c: Which channels have a mask.
        exponent: g.
    """
    raw = np.where(present_c, weights_c * np.maximum(agreement_c, FLOOR) ** exponent, 0.0)
    sums = weights_c.sum(), raw.sum(), np.abs(weights_c).sum(), np.abs(raw).sum()
    scaled: NDArray[np.float64] = raw * factor_to_sum(*sums)
    return scaled


FLOOR = 0.02
"""Least agreement: keeps its logarithm, and so the gradient of g, finite."""
