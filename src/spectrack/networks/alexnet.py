"""AlexNet without padding, stride 8, in the two forms that Siamese trackers use.

Krizhevsky et al., NeurIPS 2012, as SiamFC cut it (Bertinetto et al., ECCV workshops 2016, table 1):
images of 127 pixels give 6 cells a side, of 255 pixels 22, of 287 pixels 26. Values are raw, 0 to
255. Names of parameters are those of the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

WIDTHS = (96, 256, 384, 384, 256)
STRIDE = 8
_KERNELS = (11, 5, 3, 3, 3)
_STRIDES = (2, 1, 1, 1, 1)
_POOLED = (True, True, False, False, False)


class GroupedAlexNet(nn.Module):
    """SiamFC's: every second convolution in two groups, nothing behind the last; red, green, blue.

    Args:
        widths: Maps after each convolution; fewer make a smaller network of the same form.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        before = 3
        for number, (maps, kernel, stride, groups, pooled) in enumerate(
            zip(widths, _KERNELS, _STRIDES, (1, 2, 1, 2, 2), _POOLED, strict=True), 1
        ):
            layers: list[nn.Module] = [nn.Conv2d(before, maps, kernel, stride, groups=groups)]
            if number < len(widths):
                # the published weights go with this constant, not torch's
                layers += [nn.BatchNorm2d(maps, eps=1e-6, momentum=0.05), nn.ReLU(inplace=True)]
            if pooled:
                layers.append(nn.MaxPool2d(3, 2))
            self.add_module(f"conv{number}", nn.Sequential(*layers))
            before = maps

    def forward(self, images_nchw: Tensor) -> Tensor:
        """Images (N, 3, H, W), 0 to 255, to maps (N, 256, h, w)."""
        x = images_nchw
        for block in self.children():
            x = block(x)
        return x


class AlexNet(nn.Module):
    """SiamRPN's: whole convolutions, pooled before the ReLU, normalised at last; blue, green, red.

    Args:
        widths: Maps after each convolution; fewer make a smaller network of the same form.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for number, (maps, kernel, stride, pooled) in enumerate(
            zip(widths, _KERNELS, _STRIDES, _POOLED, strict=True), 1
        ):
            layers += [nn.Conv2d(before, maps, kernel, stride), nn.BatchNorm2d(maps)]
            if pooled:
                layers.append(nn.MaxPool2d(3, 2))
            if number < len(widths):
                layers.append(nn.ReLU(inplace=True))
            before = maps
        self.features = nn.Sequential(*layers)

    def forward(self, images_nchw: Tensor) -> Tensor:
        """Images (N, 3, H, W), 0 to 255, to maps (N, 256, h, w), of either sign."""
        maps: Tensor = self.features(images_nchw)
        return maps
