"""Hints as the network meets them at work: masks with errors, masks moved along, clicks.

What is random is drawn on the CPU and moved to where the masks are: the same on every device. It
comes from torch's global generator where none is given.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from spectrack.networks.mask_in_box import spot

Chance = torch.Generator | None


def spoilt(truth_n1ss: Tensor, chance: Chance = None) -> Tensor:
    """Soft masks with errors as tracking makes them: moved, grown or shrunk unevenly, blurred.

    Args:
        truth_n1ss: float32 in [0, 1].
        chance: Where it comes from.
    """
    (n, _, side, _), device = truth_n1ss.shape, truth_n1ss.device
    scale = torch.exp(0.06 * torch.randn(n, 2, generator=chance))
    shift = 0.05 * torch.randn(n, 2, generator=chance)
    moved = _moved(truth_n1ss, scale, shift)
    soft = F.avg_pool2d(moved, 9, 1, 4)
    strengths = torch.tensor([0.1, 0.3, 0.5])[torch.randint(3, (n,), generator=chance)]
    strength = strengths.reshape(n, 1, 1, 1)
    cells = int(torch.randint(5, 12, (), generator=chance))
    coarse = torch.randn(n, 1, cells, cells, generator=chance)
    noise = F.interpolate(coarse, (side, side), mode="bicubic", align_corners=False)
    sharp = 6 + 14 * torch.rand(n, 1, 1, 1, generator=chance)
    sharp, rough = sharp.to(device), (strength * noise).to(device)
    return torch.sigmoid(sharp * (soft - 0.5 + rough * (soft > 0.02)))


def leaked(soft_n1ss: Tensor, share: float, chance: Chance = None) -> Tensor:
    """Masks that have spread onto something else: a reflection, a neighbour, a part of it.

    A copy of the mask, often upside down, lies somewhere near, too. Followed over many frames such
    a mask would grow: what it adds must be seen to be no target.

    Args:
        soft_n1ss: float32 in [0, 1].
        share: Of the samples; the others stay as they are.
        chance: Where it comes from.
    """
    upside_down = some_of(soft_n1ss, 0.5, chance)
    copy = torch.where(upside_down, soft_n1ss.flip(2), soft_n1ss)
    n = len(soft_n1ss)
    across, down = (torch.randn(n, generator=chance) for _ in range(2))
    shift = torch.stack([0.4 * across, 0.6 * down], 1)
    copy = _moved(copy, torch.exp(0.2 * torch.randn(n, 2, generator=chance)), shift)
    copy = copy * (0.4 + 0.6 * torch.rand(n, 1, 1, 1, generator=chance)).to(copy.device)
    spread = torch.maximum(soft_n1ss, copy)
    return torch.where(some_of(soft_n1ss, share, chance), spread, soft_n1ss)


def carried(soft_n1ss: Tensor, here_n1ss: Tensor, there_n1ss: Tensor) -> Tensor:
    """Masks of one view, moved to where the object is in another: as optical flow would, nearly.

    Args:
        soft_n1ss: Masks found in the first view, float32 in [0, 1].
        here_n1ss: True masks there.
        there_n1ss: True masks in the other view.
    """
    (a_low, a_high), (b_low, b_high) = _bounds(here_n1ss), _bounds(there_n1ss)
    scale = (b_high - b_low).clamp_min(0.02) / (a_high - a_low).clamp_min(0.02)
    noise = torch.randn_like(scale, device="cpu").to(scale.device)
    scale = scale.clamp(0.5, 2) * torch.exp(0.03 * noise)
    shift = (b_low + b_high - 1) - scale * (a_low + a_high - 1)
    shift = shift + 0.03 * torch.randn_like(shift, device="cpu").to(shift.device)
    return _moved(soft_n1ss, scale, shift)


def clicks(truth_n1ss: Tensor, box_n1ss: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Maps of clicks on the target and on what is not the target, within the box.

    Args:
        truth_n1ss: float32, 0 or 1.
        box_n1ss: The filled box.
        share: Of the samples that have clicks; the others' maps are zero.
    """
    wanted, unwanted = torch.zeros_like(truth_n1ss), torch.zeros_like(truth_n1ss)
    for index in range(len(truth_n1ss)):
        if torch.rand(()) >= share:
            continue
        for out, where in (
            (wanted, truth_n1ss[index, 0] > 0.5),
            (unwanted, (truth_n1ss[index, 0] < 0.5) & (box_n1ss[index, 0] > 0.5)),
        ):
            places = where.nonzero()
            for _ in range(int(torch.randint(3, ()))):
                if len(places):
                    row, col = places[int(torch.randint(len(places), ()))].tolist()
                    blob = spot(row, col, len(where)).to(out.device)
                    out[index, 0] = torch.maximum(out[index, 0], blob)
    return wanted, unwanted


def some_of(maps_n1ss: Tensor, share: float, chance: Chance = None) -> Tensor:
    """Samples drawn by chance, bool (N, 1, 1, 1).

    Args:
        maps_n1ss: Of the samples; they tell how many there are, and where.
        share: Of the samples.
        chance: Where it comes from.
    """
    drawn = torch.rand(len(maps_n1ss), 1, 1, 1, generator=chance)
    return (drawn < share).to(maps_n1ss.device)


def _bounds(truth_n1ss: Tensor) -> tuple[Tensor, Tensor]:
    """Least and largest x and y of masks, in sides: two of (N, 2); all of the view where empty."""
    n, _, side, _ = truth_n1ss.shape
    hard = truth_n1ss[:, 0] > 0.5
    low, high = (make(n, 2, device=hard.device) for make in (torch.zeros, torch.ones))
    for axis, seen in enumerate((hard.any(1), hard.any(2))):
        some = seen.any(1)
        cells = torch.arange(side, dtype=torch.float32, device=hard.device).expand(n, side)
        first = torch.where(seen, cells, float(side)).amin(1) / side
        last = (torch.where(seen, cells, -1.0).amax(1) + 1) / side
        low[:, axis] = torch.where(some, first, low[:, axis])
        high[:, axis] = torch.where(some, last, high[:, axis])
    return low, high


def _moved(maps_n1ss: Tensor, scale_n2: Tensor, shift_n2: Tensor) -> Tensor:
    """Maps scaled about the middle, then shifted; x and y, shifts in half sides."""
    device = maps_n1ss.device
    scale_n2, shift_n2 = scale_n2.to(device), shift_n2.to(device)
    theta = torch.zeros(len(maps_n1ss), 2, 3, device=device)  # single, whatever the maps are
    theta[:, 0, 0], theta[:, 1, 1] = 1 / scale_n2[:, 0], 1 / scale_n2[:, 1]
    theta[:, :, 2] = -shift_n2 / scale_n2
    grid = F.affine_grid(theta, list(maps_n1ss.shape), align_corners=False)
    return F.grid_sample(maps_n1ss, grid, align_corners=False)
