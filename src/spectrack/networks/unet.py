"""U-Net (Ronneberger et al., MICCAI 2015) over space, or over space and a few frames.

Axes: N samples, C maps, T frames, H, W pixels. Frames are folded into the samples, and the 3x3x3
convolution over time and space is a 3x3 one that reads the frame before and the frame after as
further maps: the same sum, but on CPUs several times as fast as torch's own in three dimensions.
Only height and width are halved from level to level, for a window has few frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.errors import InputError

GROUP = 4  # channels normalised together; no batch statistics, so a batch of one trains too


class UNet(nn.Module):
    """Two convolutions a level on the way down, two on the way up, and skips between them.

    Convolutions are followed by group normalisation, frame by frame, and ReLU. Frames of any size
    are padded inside by repeating their border, and the answer is cut to their size.

    Args:
        inputs: Number of input maps.
        widths: Maps at each level, from full resolution down; multiples of 4. Each further level
            has half the height and width.
        outputs: Number of output maps.
        over_time: Every 3x3 convolution sees the neighbouring frames too.

    Raises:
        InputError: If there are no maps or levels, or a width is not a multiple of 4.
    """

    def __init__(
        self, inputs: int, widths: Sequence[int], outputs: int = 1, over_time: bool = False
    ) -> None:
        super().__init__()
        if inputs < 1 or outputs < 1:
            raise InputError(
                f"a U-Net from {inputs} to {outputs} maps was asked for; give at least one of each"
            )
        if not widths or any(width < 1 or width % GROUP for width in widths):
            raise InputError(
                f"widths {tuple(widths)} were given for a U-Net; give multiples of {GROUP}"
            )
        self.inputs, self.over_time, self.scale = inputs, over_time, 2 ** (len(widths) - 1)
        above = [inputs, *widths[:-1]]
        self.down = nn.ModuleList(
            Block(before, width, over_time) for before, width in zip(above, widths, strict=True)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(below, width, 2, stride=2) for width, below in pairwise(widths)
        )
        self.merge = nn.ModuleList(Block(2 * width, width, over_time) for width in widths[:-1])
        self.head = nn.Conv2d(widths[0], outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits for every pixel of every frame.

        Args:
            x: (N, C, H, W), or (N, C, T, H, W) over time.

        Returns:
            The same shape with ``outputs`` in place of C.

        Raises:
            InputError: If the shape does not fit.
        """
        if x.ndim != 4 + self.over_time or x.shape[1] != self.inputs or 0 in x.shape:
            axes = "(N, C, T, H, W)" if self.over_time else "(N, C, H, W)"
            raise InputError(
                f"maps of shape {tuple(x.shape)} were given; expected {axes} with C = {self.inputs}"
            )
        if not self.over_time:
            return self._frames(x, 1)
        samples, frames = len(x), x.shape[2]
        logits = self._frames(x.transpose(1, 2).flatten(0, 1), frames)
        return logits.unflatten(0, (samples, frames)).transpose(1, 2)

    def _frames(self, x: Tensor, frames: int) -> Tensor:
        height, width = x.shape[-2:]
        bottom, right = (-size % self.scale for size in (height, width))
        if bottom or right:
            x = F.pad(x, (0, right, 0, bottom), mode="replicate")
        skips = []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x, frames)
            skips.append(x)
        x = skips.pop()
        for up, merge in zip(reversed(self.up), reversed(self.merge), strict=True):
            x = merge(torch.cat([skips.pop(), up(x)], dim=1), frames)
        logits: Tensor = self.head(x)
        return logits[..., :height, :width]


class Block(nn.Module):
    """Two times: convolution, group normalisation, ReLU.

    Args:
        before: Maps that come in.
        width: Maps that go out.
        over_time: Convolutions of 3x3x3 in place of 3x3.
    """

    def __init__(self, before: int, width: int, over_time: bool) -> None:
        super().__init__()
        taps = 3 if over_time else 1
        self.over_time = over_time
        # The normalisation shifts by itself, so the convolutions need no bias.
        self.convolutions = nn.ModuleList(
            nn.Conv2d(taps * maps, width, 3, padding=1, bias=False) for maps in (before, width)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(width // GROUP, width) for _ in range(2))

    def forward(self, x: Tensor, frames: int = 1) -> Tensor:
        """Maps of every frame from those of it and, over time, of its neighbours.

        Args:
            x: (N * T, before, H, W), the T frames of a sample in a row.
            frames: T.

        Returns:
            (N * T, width, H, W).
        """
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = convolution(beside(x, frames) if self.over_time else x)
            x = F.relu(norm(x), inplace=True)
        return x


def beside(x: Tensor, frames: int) -> Tensor:
    """Every frame's maps with those of the frame before and after it, zero outside the window.

    Args:
        x: (N * T, C, H, W), the T frames of a sample in a row.
        frames: T.

    Returns:
        (N * T, 3 C, H, W): before, itself, after.
    """
    x_ntchw = x.unflatten(0, (-1, frames))
    outside = torch.zeros_like(x_ntchw[:, :1])
    before = torch.cat([outside, x_ntchw[:, :-1]], dim=1)
    after = torch.cat([x_ntchw[:, 1:], outside], dim=1)
    return torch.cat([before, x_ntchw, after], dim=2).flatten(0, 1)
