"""The learned ensembles SFSeg++ is compared with: masks of C methods in, one soft mask out.

SFSeg++ paper, Table 5 and section 5.1.6. The paper names the sizes; where it leaves the layers open
they are ours, chosen to meet its counts at 13 channels. Axes: N samples, C channels, T frames of a
window, H, W pixels. All networks read the whole window (the two-dimensional ones as C x T maps),
but ``shallow4``: its 380 parameters would go into the 65 maps, so it reads the middle frame only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.networks.unet import UNet

# How every network starts: logits of the mean's distance from one half, so steep, and besides them
# last weights that are random but so much smaller than usual.
STEEPNESS = 8.0
SMALL = 0.1


class Ensemble(nn.Module):
    """What all ensembles share: windows in, logits of the frames in the middle of them out.

    Args:
        channels: C, how many methods' masks come in.
        frames: T, frames of a window; odd.
        answers: How many frames are answered, in the middle of the window: 1 or T.
    """

    def __init__(self, channels: int, frames: int, answers: int) -> None:
        super().__init__()
        self.channels, self.frames, self.answers = channels, frames, answers

    def forward(self, windows_ncthw: Tensor) -> Tensor:
        """Logits of the mask: foreground from 0.

        Args:
            windows_ncthw: float32 in [0, 1], (N, C, T, H, W); any height and width.

        Returns:
            (N, answers, H, W); compare it with ``truth[:, self.answered]``.

        Raises:
            InputError: If the channels or frames are not those the network was made for.
        """
        shape = tuple(windows_ncthw.shape)
        if len(shape) != 5 or shape[1:3] != (self.channels, self.frames) or 0 in shape:
            raise InputError(
                f"windows of shape {shape} were given; expected (N, {self.channels} channels, "
                f"{self.frames} frames, H, W)"
            )
        return self.logits(windows_ncthw)

    def logits(self, windows_ncthw: Tensor) -> Tensor:
        """The network itself, on windows that fit."""
        raise NotImplementedError

    @property
    def answered(self) -> slice:
        """Which frames of the window are answered."""
        first = (self.frames - self.answers) // 2
        return slice(first, first + self.answers)


class WindowUNet(Ensemble):
    """A U-Net that learns what to add to the mean of the channels; it starts near the mean.

    Args:
        channels: C.
        frames: T.
        widths: Maps at each level.
        over_time: Convolve over the frames too, and answer all of them; else the frames are so many
            maps more, and the middle one is answered.
    """

    def __init__(self, channels: int, frames: int, widths: Sequence[int], over_time: bool) -> None:
        super().__init__(channels, frames, answers=frames if over_time else 1)
        self.over_time = over_time
        self.net = UNet(channels if over_time else channels * frames, widths, over_time=over_time)
        with torch.no_grad():
            self.net.head.weight *= SMALL

    def logits(self, windows_ncthw: Tensor) -> Tensor:
        """(N, T, H, W) over time, else (N, 1, H, W)."""
        mean = windows_ncthw[:, :, self.answered].mean(1)
        if self.over_time:
            added: Tensor = self.net(windows_ncthw)[:, 0]
        else:
            added = self.net(windows_ncthw.flatten(1, 2))
        return added + STEEPNESS * (mean - 0.5)


class Shallow(Ensemble):
    """A few convolutions with ReLU between them, zero outside the frame.

    Training starts from the mean of the channels: the first map of every layer passes it on, beside
    maps that start at random. So even a net of a few maps never starts dead.

    Args:
        channels: C.
        frames: T.
        widths: Maps between the layers; the last layer has one.
        kernels: Odd size of every layer's kernel, one more than ``widths``.
        whole_window: Read all frames as C x T maps; else the middle one alone.
    """

    def __init__(
        self,
        channels: int,
        frames: int,
        widths: Sequence[int],
        kernels: Sequence[int],
        whole_window: bool = True,
    ) -> None:
        super().__init__(channels, frames, answers=1)
        self.whole_window = whole_window
        inputs = channels * frames if whole_window else channels
        layers: list[nn.Module] = []
        for before, width, kernel in zip([inputs, *widths], [*widths, 1], kernels, strict=True):
            layers += [nn.Conv2d(before, width, kernel, padding=kernel // 2), nn.ReLU(inplace=True)]
        self.net = nn.Sequential(*layers[:-1])
        self._start_from_mean()

    def logits(self, windows_ncthw: Tensor) -> Tensor:
        """(N, 1, H, W)."""
        read = windows_ncthw if self.whole_window else windows_ncthw[:, :, self.answered]
        out: Tensor = self.net(read.flatten(1, 2))
        return out

    @torch.no_grad()
    def _start_from_mean(self) -> None:
        convolutions = [layer for layer in self.net if isinstance(layer, nn.Conv2d)]
        biases = [layer.bias.zero_() for layer in convolutions if layer.bias is not None]
        frames = self.frames if self.whole_window else 1
        for depth, layer in enumerate(convolutions):
            centre = layer.kernel_size[0] // 2
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            layer.weight[0] *= SMALL if layer is convolutions[-1] else 0.0
            passed = layer.weight[0, :, centre, centre]
            if depth:
                passed[0] = 1.0
            else:
                # Maps are ordered channel by channel; the mean is the middle frame's.
                passed.view(self.channels, frames)[:, frames // 2] = 1 / self.channels
        last = convolutions[-1]
        last.weight[0, 0, centre, centre] = STEEPNESS
        biases[-1].fill_(-STEEPNESS / 2)


ENSEMBLES: dict[str, Callable[[int, int], Ensemble]] = {
    "unet3d_large": lambda c, t: WindowUNet(c, t, (8, 16, 32, 64, 128), over_time=True),
    "unet3d_small": lambda c, t: WindowUNet(c, t, (8, 16, 32, 64), over_time=True),
    "unet2d": lambda c, t: WindowUNet(c, t, (16, 32, 64), over_time=False),
    "shallow2": lambda c, t: Shallow(c, t, (21,), (5, 3)),
    "shallow3": lambda c, t: Shallow(c, t, (24, 14), (1, 3, 5)),
    "shallow4": lambda c, t: Shallow(c, t, (10, 9, 7), (1, 1, 1, 3), whole_window=False),
}
"""Name of each network of Table 5 to its builder, called with C and T."""


def build(name: str, channels: int, frames: int = 5) -> Ensemble:
    """One of the networks of Table 5, untrained.

    Args:
        name: A key of ``ENSEMBLES``.
        channels: C, how many methods' masks come in.
        frames: T, frames of a window.

    Raises:
        InputError: If the name is unknown, there is no channel, or T is not odd.
    """
    if name not in ENSEMBLES:
        raise InputError(f"ensemble {name!r} is unknown; choose one of {', '.join(ENSEMBLES)}")
    if channels < 1 or frames < 1 or frames % 2 == 0:
        raise InputError(
            f"{channels} channels and windows of {frames} frames were given; give at least one "
            "channel and an odd number of frames"
        )
    return ENSEMBLES[name](channels, frames)


@torch.no_grad()
def fuse_video(network: Ensemble, channels_cthw: Tensor, batch: int = 4) -> Tensor:
    """The soft mask of every frame of a video, each from the window around it.

    At the ends of the video the first and last frame are repeated.

    Args:
        network: Trained; it is left in the mode (training or not) it was in.
        channels_cthw: float32 in [0, 1], (C, T, H, W), T of any length.
        batch: Windows at a time.

    Returns:
        float32 (T, H, W) in [0, 1], foreground from one half.

    Raises:
        InputError: If the channels are not those the network was made for.
    """
    if channels_cthw.ndim != 4 or channels_cthw.shape[0] != network.channels:
        raise InputError(
            f"channels of shape {tuple(channels_cthw.shape)} were given; expected "
            f"({network.channels} channels, T, H, W)"
        )
    length, reach = channels_cthw.shape[1], network.frames // 2
    around = torch.arange(-reach, reach + 1)
    training = network.training
    network.eval()
    out = []
    for first in range(0, length, batch):
        centres = torch.arange(first, min(first + batch, length))
        index = (centres[:, None] + around).clamp(0, length - 1)
        windows_ncthw = channels_cthw[:, index].transpose(0, 1)
        out.append(torch.sigmoid(network(windows_ncthw)[:, network.answers // 2]))
    network.train(training)
    return torch.cat(out) if out else channels_cthw.new_zeros(channels_cthw.shape[1:])
