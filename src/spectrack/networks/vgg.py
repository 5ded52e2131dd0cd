"""VGG-16 up to its fourth pooling, with torchvision's names (Simonyan and Zisserman, ICLR 2015).

The layers keep their numbers in torchvision's list, ``features.0`` to ``features.21``, so that its
checkpoints fit once what lies behind is left away. Both halves can be run alone, as masks enter
right before the first pooling in pixel-wise tracking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from spectrack.errors import InputError

DEPTHS = (2, 2, 3, 3)
"""Convolutions before each of the four poolings (configuration D, VGG-16)."""

WIDTHS = (64, 128, 256, 512)
"""Their maps."""

MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of RGB in [0, 1], as torchvision's weights were trained."""


class VGG(nn.Module):
    """The feature extractor up to pool4.

    Args:
        widths: Maps before each pooling.

    Attributes:
        features: Convolutions and ReLUs; poolings are layers of it, too.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for depth, width in zip(DEPTHS, widths, strict=True):
            for _ in range(depth):
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
                inputs = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("spread", torch.tensor(SPREAD).view(3, 1, 1), persistent=False)

    def normalise(self, images_nchw: Tensor) -> Tensor:
        """RGB of 0 to 255, uint8 or float32, to the network's numbers."""
        assert isinstance(self.mean, Tensor)
        assert isinstance(self.spread, Tensor)
        return (images_nchw.to(torch.float32) / 255 - self.mean) / self.spread

    def before_pool1(self, images_nchw: Tensor) -> Tensor:
        """Maps right before the first pooling, (N, 64, H, W)."""
        return self._run(images_nchw, 0, FIRST_POOL)

    def from_pool1(self, maps_nchw: Tensor) -> list[Tensor]:
        """What each pooling gives, strides 2 to 16; the last one is pool4, (N, 512, H/16, W/16)."""
        given, x = [], maps_nchw
        for layer in list(self.features)[FIRST_POOL:]:
            x = layer(x)
            if isinstance(layer, nn.MaxPool2d):
                given.append(x)
        return given

    def forward(self, images_nchw: Tensor) -> Tensor:
        """pool4 of normalised images (N, 3, H, W)."""
        return self._run(images_nchw, 0, len(self.features))

    def _run(self, x: Tensor, first: int, end: int) -> Tensor:
        for layer in list(self.features)[first:end]:
            x = layer(x)
        return x


FIRST_POOL = 2 * DEPTHS[0]
"""Number of the first pooling in the list of layers."""


def of_torchvision(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What :class:`VGG` needs of a VGG-16 checkpoint with torchvision's names.

    Args:
        tensors: Of ``vgg16`` without batch normalisation, whole or its features alone.

    Returns:
        The convolutions up to pool4, by their names.

    Raises:
        InputError: If one of them is not there.
    """
    with torch.device("meta"):  # only the names are wanted
        wanted = list(VGG().state_dict())
    missing = [name for name in wanted if name not in tensors]
    if missing:
        raise InputError(
            f"{missing[0]} is missing; give VGG-16 with torchvision's names, "
            "features.0.weight to features.21.bias"
        )
    return {name: tensors[name] for name in wanted}
