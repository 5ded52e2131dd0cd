"""D3S: the segmentation network (Lukezic et al., CVPR 2020, section 3).

GIM says how alike each cell is to the target and its background, a map of distances says how far it
is from where the discriminative filter (GEM) saw the target, and a pathway of finer and finer
layers makes a mask of both. Names of parameters are those of the published checkpoint. Its backbone
is not the one the filter reads: see :mod:`spectrack.trackers.d3s.filter`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.networks.mobilenet_v2 import MobileNetLayers
from spectrack.networks.resnet import ResNet, resnet50
from spectrack.trackers.d3s.similarity import Template, similarities

Backbone = ResNet | MobileNetLayers
Layers = tuple[Tensor, Tensor, Tensor, Tensor]
"""Maps of a backbone at strides 2, 4, 8 and 16."""

SIDE = 384
"""Of the crops that the published network sees, pixels."""
GIM_MAPS, WIDTHS = 64, (32, 16, 4, 2)
"""Maps of GIM, and of the pathway behind each of its steps."""
LAYERS = ("conv1", "layer1", "layer2", "layer3")


def distance_maps(places_n2: Tensor, side: int) -> Tensor:
    """How far every pixel of a crop is from a place, in pixels, not scaled: (N, 1, side, side).

    Args:
        places_n2: x and y.
        side: Of the crops.
    """
    at = torch.arange(side, device=places_n2.device, dtype=places_n2.dtype)
    x, y = (at - places_n2[:, axis, None] for axis in (0, 1))
    return (x[:, None, None] ** 2 + y[:, None, :, None] ** 2).sqrt()


def central_distance(side: int, device: torch.device | str = "cpu") -> Tensor:
    """The map of every tracked frame: the filter's place is the pixel before the crop's middle."""
    return distance_maps(torch.full((1, 2), side / 2 - 1.0, device=device), side)


class D3S(nn.Module):
    """The network of D3S; :func:`d3s` is the published one.

    Args:
        backbone: Gives maps at strides 2, 4, 8 and 16, and makes pictures ready for itself.
        side: Of the square crops it sees, a multiple of 16.

    Attributes:
        feature_extractor: The backbone.
        segm_predictor: All that is learned.
        side: As given.

    Raises:
        InputError: If the side is another.
    """

    def __init__(self, backbone: Backbone, side: int = SIDE) -> None:
        super().__init__()
        if side < 16 or side % 16:
            raise InputError(f"side is {side}; give a multiple of 16")
        self.side = side
        self.feature_extractor = backbone
        at2, at4, at8, at16 = (backbone.channels[name] for name in LAYERS)
        self.segm_predictor = SegmentationPredictor((at2, at4, at8, at16))

    def normalise(self, rgb_nchw: Tensor) -> Tensor:
        """What the network reads of pictures (N, 3, H, W), RGB, 0 to 255."""
        return self.feature_extractor.normalise(rgb_nchw)

    def extract(self, images_nchw: Tensor) -> Layers:
        """Maps of pictures made ready by :meth:`normalise`, the finest first."""
        maps = self.feature_extractor(images_nchw, LAYERS)
        at2, at4, at8, at16 = (maps[name] for name in LAYERS)
        return at2, at4, at8, at16

    def template(self, images_nchw: Tensor, masks_n1hw: Tensor) -> Template:
        """The first frame of targets: pictures by :meth:`normalise`, masks of 0 and 1."""
        return self.segm_predictor.template(self.extract(images_nchw)[3], masks_n1hw)

    def segment(self, images_nchw: Tensor, template: Template, distance_n1hw: Tensor) -> Tensor:
        """Logits of pictures, (N, 2, H, W): target and background.

        Args:
            images_nchw: By :meth:`normalise`.
            template: Of the same targets.
            distance_n1hw: From the target's place, in pixels of the crop.
        """
        return self.segm_predictor(self.extract(images_nchw), template, distance_n1hw)

    def forward(
        self, train_nchw: Tensor, test_nchw: Tensor, masks_n1hw: Tensor, distance_n1hw: Tensor
    ) -> Tensor:
        """Logits (N, 2, H, W) of test pictures, from training pictures with their masks."""
        return self.segment(test_nchw, self.template(train_nchw, masks_n1hw), distance_n1hw)


def d3s() -> D3S:
    """The network of the published checkpoint, with ImageNet's classes, which it does not use."""
    return D3S(resnet50(classes=1000))


class SegmentationPredictor(nn.Module):
    """GIM, the mixer and the refinement pathway.

    Args:
        channels: Maps of the backbone at strides 2, 4, 8 and 16.
    """

    def __init__(self, channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        at2, at4, at8, at16 = channels
        a, b, c, d = WIDTHS
        self.segment0 = _block(at16, GIM_MAPS, kernel=1)
        self.segment1 = _block(GIM_MAPS, GIM_MAPS, ends=False)
        self.mixer = _block(3, GIM_MAPS)
        self.s3 = _block(GIM_MAPS, a)
        self.s2, self.s1, self.s0 = _block(a, a), _block(b, b), _block(c, c)
        self.f2, self.f1, self.f0 = _block(at8, a), _block(at4, b), _block(at2, c)
        self.post2, self.post1 = _block(a, b), _block(b, c)
        self.post0 = _block(c, d, ends=False)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def compared(self, at16_nchw: Tensor) -> Tensor:
        """Features that GIM compares, (N, 64, h, w)."""
        maps: Tensor = self.segment1(self.segment0(at16_nchw))
        return maps

    def template(self, at16_nchw: Tensor, masks_n1hw: Tensor) -> Template:
        """What is kept of first frames."""
        return Template.of(self.compared(at16_nchw), masks_n1hw)

    def forward(self, layers: Layers, template: Template, distance_n1hw: Tensor) -> Tensor:
        """Logits (N, 2, H, W) from layers; see :meth:`D3S.segment`."""
        at2, at4, at8, at16 = layers
        alike = similarities(self.compared(at16), template)
        distance = F.interpolate(distance_n1hw.to(alike.dtype), alike.shape[-2:])
        posterior = alike.softmax(1)[:, :1]
        kind = next(self.mixer.parameters()).dtype
        x = self.mixer(torch.cat((posterior, alike[:, :1], distance), 1).to(kind))
        x = self.s3(_twice(x))
        x = self.post2(_twice(self.f2(at8) + self.s2(x)))
        x = self.post1(_twice(self.f1(at4) + self.s1(x)))
        logits: Tensor = self.post0(_twice(self.f0(at2) + self.s0(x)))
        return logits


def _block(inputs: int, outputs: int, kernel: int = 3, ends: bool = True) -> nn.Sequential:
    """A convolution with normalisation, and ReLU where it ``ends`` so."""
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    parts: list[nn.Module] = [conv, nn.BatchNorm2d(outputs)]
    return nn.Sequential(*parts, nn.ReLU(inplace=True)) if ends else nn.Sequential(*parts)


def _twice(x_nchw: Tensor) -> Tensor:
    return F.interpolate(x_nchw, scale_factor=2)
