"""The network of FEAR-XS: backbone, neck, and two heads that compare template and search pixels.

Names of parameters are those of the published weights, in which batch normalisations and the
factors of the outputs are folded into the convolutions.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.networks.fbnet import OUT_CHANNELS, STRIDE, FBNetC, depthwise

TEMPLATE_SIDE = 128
SEARCH_SIDE = 256
CHANNELS = 256
CELLS = SEARCH_SIDE // STRIDE
TEMPLATE_CELLS = (TEMPLATE_SIDE // STRIDE) ** 2

_MEAN = (123.675, 116.28, 103.53)
_DEVIATION = (0.229, 0.224, 0.225)


class Normalisation(nn.Module):
    """RGB of 0 to 255 to what the backbone was trained on: ImageNet's mean and deviation."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", 1 / (255 * torch.tensor(_DEVIATION)))
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)

    def forward(self, rgb: Tensor) -> Tensor:
        """float32 (N, 3, H, W), 0 to 255, to the same shape about 0."""
        return (rgb - self.get_buffer("mean")) * self.get_buffer("scale").view(1, 3, 1, 1)


class Separable(nn.Module):
    """A 3x3 convolution channel by channel, then 1x1, with nothing between.

    Args:
        inside: Channels in.
        out: Channels out.
        bias: Whether the first of the two has a bias.
    """

    def __init__(self, inside: int, out: int, bias: bool = True) -> None:
        super().__init__()
        self.dw = depthwise(inside, 3, bias=bias)
        self.pw = nn.Conv2d(inside, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, inside, H, W) to (N, out, H, W)."""
        out: Tensor = self.pw(self.dw(x))
        return out


def pixel_correlation(template: Tensor, search: Tensor) -> Tensor:
    """Inner products of every template pixel with every search pixel.

    Args:
        template: (N, C, h, w).
        search: (N, C, H, W).

    Returns:
        (N, h * w, H, W), template pixels row by row; neither scaled nor normalised.
    """
    kernel = template.flatten(2).transpose(1, 2)
    return (kernel @ search.flatten(2)).unflatten(2, search.shape[2:])


class FEAR(FBNetC):
    """FEAR-XS (Borsuk et al., ECCV 2022): where the target is, and its box, in a search crop."""

    def __init__(self) -> None:
        super().__init__()
        self.input = Normalisation()
        self.neck = nn.Conv2d(OUT_CHANNELS, CHANNELS, 1)
        for branch, outputs in (("cls", 1), ("reg", 4)):
            self.add_module(f"{branch}_encode", Separable(CHANNELS, CHANNELS, bias=False))
            self.add_module(f"{branch}_fuse", Separable(CHANNELS + TEMPLATE_CELLS, CHANNELS))
            for number in range(2):
                self.add_module(f"{branch}_tower{number}", Separable(CHANNELS, CHANNELS))
            self.add_module(f"{branch}_head", Separable(CHANNELS, outputs))

    def encode(self, rgb: Tensor) -> Tensor:
        """What template and search crops are compared by.

        Args:
            rgb: float32 (N, 3, H, W), 0 to 255.

        Returns:
            (N, 256, H / 16, W / 16); of a template crop this is kept for the whole video.
        """
        found: Tensor = self.neck(self.features(self.input(rgb)))
        return found

    def compare(self, template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        """Both heads.

        Args:
            template: (N, 256, 8, 8) of :meth:`encode`.
            search: (N, 256, 16, 16) of :meth:`encode`.

        Returns:
            Logits (N, 1, 16, 16) of a cell lying in the target, and distances (N, 4, 16, 16) from
            the cell's point to the left, top, right and bottom of its box, in pixels of the search
            crop, positive.
        """
        logits = self._branch("cls", template, search)
        return logits, self._branch("reg", template, search).exp()

    def forward(self, template_rgb: Tensor, search_rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Both crops, (N, 3, 128, 128) and (N, 3, 256, 256) of 0 to 255; see :meth:`compare`."""
        return self.compare(self.encode(template_rgb), self.encode(search_rgb))

    def _branch(self, branch: str, template: Tensor, search: Tensor) -> Tensor:
        encoded = F.relu(self._layer(branch, "encode")(search), inplace=True)
        x = torch.cat([encoded, pixel_correlation(template, encoded)], 1)
        for name in ("fuse", "tower0", "tower1"):
            x = F.relu(self._layer(branch, name)(x), inplace=True)
        out: Tensor = self._layer(branch, "head")(x)
        return out

    def _layer(self, branch: str, name: str) -> nn.Module:
        return self.get_submodule(f"{branch}_{name}")


def fear_xs() -> FEAR:
    """The network that the published weights are of."""
    return FEAR()
