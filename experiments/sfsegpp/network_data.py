"""Crops that the learned ensembles of Table 5 are trained on, and how a trained one sees a video.

Training and use see the same thing: tiles of ``TILE`` pixels and five frames, U-Nets at half the
size of the frames, shallow networks at their full size. A tile's loss is the Dice of the *whole*
frame: outside the tile the plain mean's answer stands. So a tile without a target still teaches to
find nothing there, and a tile weighs as much as it matters for its frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spectrack.networks.ensembles import STEEPNESS, Ensemble, WindowUNet
from spectrack.training.losses import focal_dice

TILE = (96, 128)
"""Height and width in pixels of what a network sees."""
OVERLAP = {1: 8, 2: 24}
"""Pixels that two tiles share at least, by how much frames are shrunk; they are blended there."""
FRAMES = 5
GAMMA = 0.75
ALL_ONCE = 8  # tiles through a network together

# Weight of a tile's pixels: least at its border, where the network misses what is beyond.
_RAMPS = [np.minimum(np.arange(n) + 1, n - np.arange(n)).clip(max=8) / 8 for n in TILE]
TAPER = np.outer(*_RAMPS).astype(np.float32)


class Masks(Protocol):
    """What is needed of a clip."""

    @property
    def channels_tchw(self) -> NDArray[np.uint8]:
        """Masks of all methods, uint8 (T, C, H, W)."""

    @property
    def truth_thw(self) -> NDArray[np.bool_]:
        """True masks, bool (T, H, W)."""


@dataclass(frozen=True)
class Crops:
    """Training samples of one video; T frames are given, A of them, in the middle, answered.

    Attributes:
        windows_ncthw: uint8 (N, C, T, h, w).
        truths_nahw: uint8 (N, A, h, w), 255 for foreground.
        rests_na3: float32 (N, A, 3): what lies outside the tile in pixels of the tile's size:
            the overlap of the mean's answer with the truth, the mean's answer, the truth.
    """

    windows_ncthw: NDArray[np.uint8]
    truths_nahw: NDArray[np.uint8]
    rests_na3: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.windows_ncthw)

    def sample(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """One of them as float32 in [0, 1]."""
        window = torch.from_numpy(self.windows_ncthw[index]).float() / 255
        truth = torch.from_numpy(self.truths_nahw[index]).float() / 255
        return window, truth, torch.from_numpy(self.rests_na3[index])


def scale_of(net: Ensemble) -> int:
    """By how much frames are shrunk for a network."""
    return 2 if isinstance(net, WindowUNet) else 1


def mean_soft(channels_chw: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The answer of the plain mean in [0, 1], as steep as the networks have it, (H, W)."""
    return np.asarray(1 / (1 + np.exp(-mean_logits(channels_chw))), np.float32)


def mean_logits(channels_chw: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How far the mean of the channels is from one half, times ``STEEPNESS``, (H, W)."""
    total = channels_chw.sum(0, dtype=np.uint16).astype(np.float32)
    return STEEPNESS * (total / (255 * len(channels_chw)) - 0.5)


def crops_of(clip: Masks, net: Ensemble, count: int, seed: int) -> Crops:
    """Cut tiles out of a video around pixels where the mean is uncertain.

    Every such pixel is as likely: with more tiles on the target than it has uncertain pixels, the
    networks found too much (on the inner split of Table 5 ``shallow4`` then lost 3 points of J).

    Args:
        clip: The video.
        net: The network they are for.
        count: How many.
        seed: Of the places.
    """
    rng = np.random.default_rng((seed, count))
    scale, reach = scale_of(net), net.frames // 2
    length, _, height, width = clip.channels_tchw.shape
    tall, wide = TILE[0] * scale, TILE[1] * scale
    windows, truths, rests = [], [], []
    for t in rng.permutation(np.arange(count) * length // count):
        around = np.clip(np.arange(t - reach, t + reach + 1), 0, length - 1)
        if rng.random() < 0.5:
            around = around[::-1]
        answered = around[net.answered]
        soft = {i: mean_soft(clip.channels_tchw[i]) for i in set(answered.tolist())}
        wanted = soft[t] * (1 - soft[t]) > 0.1
        ys, xs = np.nonzero(wanted)
        chosen = rng.integers(max(len(ys), 1))
        y, x = (ys[chosen], xs[chosen]) if len(ys) else (height // 2, width // 2)
        top = int(np.clip(y - rng.integers(tall // 4, 3 * tall // 4), 0, height - tall))
        left = int(np.clip(x - rng.integers(wide // 4, 3 * wide // 4), 0, width - wide))
        box = (slice(top, top + tall), slice(left, left + wide))
        mirror = slice(None, None, -1 if rng.random() < 0.5 else 1)
        truth = clip.truth_thw[answered]
        window = shrink(clip.channels_tchw[(around, slice(None), *box)], scale)
        windows.append(window.transpose(1, 0, 2, 3)[..., mirror])
        inside = 255 * truth[(slice(None), *box)].astype(np.uint8)
        truths.append(shrink(inside, scale)[..., mirror])
        rests.append([_rest(soft[i] >= 0.5, clip.truth_thw[i], box) for i in answered.tolist()])
    pixels_na3 = (np.array(rests) / scale**2).astype(np.float32)
    return Crops(np.stack(windows), np.stack(truths), pixels_na3)


def _rest(
    found_hw: NDArray[np.bool_], truth_hw: NDArray[np.bool_], box: tuple[slice, slice]
) -> list[int]:
    """Pixels outside a box: in both, found, true."""
    maps = (found_hw & truth_hw, found_hw, truth_hw)
    return [int(m.sum()) - int(m[box].sum()) for m in maps]


def shrink(maps: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Means of squares of pixels; the last two axes are height and width."""
    if scale == 1:
        return maps
    *front, height, width = maps.shape
    size = (width // scale, height // scale)
    flat = maps.reshape(-1, height, width)
    small = np.empty((len(flat), size[1], size[0]), np.uint8)
    for before, after in zip(flat, small, strict=True):
        cv2.resize(before, size, dst=after, interpolation=cv2.INTER_AREA)
    return small.reshape(*front, size[1], size[0])


def frame_loss(net: nn.Module, batch: Sequence[Tensor]) -> Tensor:
    """Focal-Dice of whole frames of which the network answers a tile, the mean the rest."""
    windows_ncthw, truths_nahw, rests_na3 = batch
    soft = torch.sigmoid(net(windows_ncthw)).flatten(2)
    truth = truths_nahw.flatten(2)
    # Three pixels more stand for the rest: their products and sums are those of the rest.
    both, found, asked = rests_na3.clamp_min(0).unbind(-1)
    root, none = both.sqrt(), torch.zeros_like(both)
    soft = torch.cat([soft, torch.stack([root, found - root, none], -1)], -1)
    truth = torch.cat([truth, torch.stack([root, none, asked - root], -1)], -1)
    return focal_dice(soft[..., None, :], truth[..., None, :], GAMMA, reduction="mean")


@torch.no_grad()
def apply_ensemble(
    net: Ensemble, channels_tchw: NDArray[np.uint8], every: int = 1
) -> NDArray[np.float32]:
    """The soft mask of every frame of a video by a trained network.

    What a U-Net adds to the mean is found at half size and enlarged; the mean itself stays sharp.
    Tiles where no method sees anything keep the mean's answer: nothing.

    Args:
        net: From :func:`network_training.train_ensemble`.
        channels_tchw: uint8 (T, C, H, W), 255 for foreground.
        every: Answer each so manieth frame only.

    Returns:
        float32 (T, H, W) in [0, 1], foreground from one half; with ``every`` fewer frames.
    """
    net.eval()
    scale, reach, length = scale_of(net), net.frames // 2, len(channels_tchw)
    small = np.stack([shrink(frame, scale) for frame in channels_tchw])
    added = np.zeros((length, *small.shape[-2:]), np.float32)
    weight = np.full_like(added, 1e-6)
    # Windows that answer all their frames overlap by half; the others answer one frame each.
    for t in range(0, length, every if every > 1 else max(1, net.answers // 2)):
        around = np.clip(np.arange(t - reach, t + reach + 1), 0, length - 1)
        for box, more_ahw in _answers(net, small[around]):
            for i, frame in enumerate(range(t - reach, t + reach + 1)[net.answered]):
                if 0 <= frame < length:
                    added[frame][box] += TAPER * more_ahw[i]
                    weight[frame][box] += TAPER
    out = []
    for t in range(0, length, every):
        frame, more = channels_tchw[t], added[t] / weight[t]
        if scale > 1:
            more = cv2.resize(more, frame.shape[:0:-1], interpolation=cv2.INTER_LINEAR)
        out.append(1 / (1 + np.exp(-mean_logits(frame) - more)))
    return np.stack(out)


def _answers(
    net: Ensemble, window_tchw: NDArray[np.uint8]
) -> Iterator[tuple[tuple[slice, slice], NDArray[np.float32]]]:
    """Tiles where some method sees something, with what the network adds to the mean's logits."""
    seen = window_tchw.max((0, 1)) > 0
    rows, columns = (
        _starts(n, m, OVERLAP[scale_of(net)]) for n, m in zip(seen.shape, TILE, strict=True)
    )
    places = [(slice(y, y + TILE[0]), slice(x, x + TILE[1])) for y in rows for x in columns]
    boxes = [box for box in places if seen[box].any()]
    for first in range(0, len(boxes), ALL_ONCE):
        some = boxes[first : first + ALL_ONCE]
        tiles = np.stack([window_tchw[(slice(None), slice(None), *box)] for box in some])
        windows = torch.from_numpy(tiles).transpose(1, 2).float() / 255
        more = net(windows) - STEEPNESS * (windows[:, :, net.answered].mean(1) - 0.5)
        yield from zip(some, more.numpy(), strict=True)


def _starts(size: int, tile: int, overlap: int) -> list[int]:
    room = max(size - tile, 0)
    gaps = -(-room // (tile - overlap))
    return [i * room // max(gaps, 1) for i in range(gaps + 1)]
