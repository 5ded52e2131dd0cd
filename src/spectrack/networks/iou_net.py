"""IoU-Net: how well a box fits a target, and which way it should move.

Danelljan et al., CVPR 2019 (ATOM), section 3.1 and Fig. 3; ATOM, DiMP, PrDiMP and KYS share it,
with parameter names of their published checkpoints. A reference image and the target's box in it
give two modulation vectors c(x0, B0); the test image gives maps once; a box B in it is judged by
IoU(B) = g(c(x0, B0) z(x, B)), where z pools the maps over the box. ATOM and DiMP learned overlap
in [-1, 1], PrDiMP and SuperDiMP a log-density that only compares boxes.

As pooling is linear and works on every map alone, maps are modulated once a frame and not once a
box. What stays to do for a box is small, and its gradient is written out: proposals climb without
automatic differentiation, under ``torch.inference_mode`` too. Maps can be had of a part of the
image, where all boxes are about one place.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.networks.lenient_norm import LenientBatchNorm2d
from spectrack.networks.pooling import BoxMeans, prroi_pool
from spectrack.networks.search_maps import (
    COARSE,
    FINE,
    Modulation,
    SearchMaps,
    from_part,
    partly,
)

FINE_BINS, COARSE_BINS = 5, 3
"""Bins along each side of a box that is judged."""


def convolution(inputs: int, outputs: int, kernel: int = 3, padding: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=padding),
        LenientBatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class LinearBlock(nn.Module):
    """Linear map, batch normalisation, ReLU.

    Args:
        inputs: Values that come in.
        outputs: Values that go out.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.bn: nn.Module = nn.BatchNorm1d(outputs)

    def forward(self, x_ki: Tensor) -> Tensor:
        """(K, inputs) -> (K, outputs)."""
        return F.relu(self.bn(self.linear(x_ki)))

    def pull_back(self, out_ko: Tensor, gradient_ko: Tensor) -> Tensor:
        """Gradient in what came in, from that in what went out; in evaluation mode."""
        gradient = gradient_ko * (out_ko > 0)
        if isinstance(self.bn, nn.BatchNorm1d):
            assert self.bn.running_var is not None
            gradient = gradient * (self.bn.weight / (self.bn.running_var + self.bn.eps).sqrt())
        return gradient @ self.linear.weight


class AtomIoUNet(nn.Module):
    """The network; names of its parts are those of the checkpoints.

    Args:
        inputs: Maps of the backbone's layer2 and layer3: (128, 256) of ResNet-18, (512, 1024) of
            ResNet-50.
        maps: Maps inside, even.
    """

    def __init__(self, inputs: tuple[int, int] = (128, 256), maps: int = 256) -> None:
        super().__init__()
        fine, coarse = inputs
        self.conv3_1r = convolution(fine, maps // 2)
        self.conv3_1t = convolution(fine, maps)
        self.conv3_2t = convolution(maps, maps)
        self.fc3_1r = convolution(maps // 2, maps, padding=0)
        self.conv4_1r = convolution(coarse, maps)
        self.conv4_1t = convolution(coarse, maps)
        self.conv4_2t = convolution(maps, maps)
        self.fc34_3r = convolution(2 * maps, maps, 1, 0)
        self.fc34_4r = convolution(2 * maps, maps, 1, 0)
        self.fc3_rt = LinearBlock(maps * FINE_BINS**2, maps)
        self.fc4_rt = LinearBlock(maps * COARSE_BINS**2, maps)
        self.iou_predictor = nn.Linear(2 * maps, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, mode="fan_in")
                nn.init.zeros_(module.get_parameter("bias"))
            elif isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
                nn.init.uniform_(module.weight)

    def reference(
        self, layer2_nchw: Tensor, layer3_nchw: Tensor, boxes_nxywh: Tensor
    ) -> Modulation:
        """What a target looks like.

        Args:
            layer2_nchw: (N, C2, H / 8, W / 8), of reference images.
            layer3_nchw: (N, C3, H / 16, W / 16).
            boxes_nxywh: (N, 4), the target's box in each, in pixels of the image.
        """
        boxes = corners(boxes_nxywh)
        fine = prroi_pool(self.conv3_1r(layer2_nchw), boxes, (3, 3), FINE)
        coarse = prroi_pool(self.conv4_1r(layer3_nchw), boxes, (1, 1), COARSE)
        both = torch.cat((self.fc3_1r(fine), coarse), 1)
        return Modulation(self.fc34_3r(both).flatten(1), self.fc34_4r(both).flatten(1))

    def test_maps(self, layer2_nchw: Tensor, layer3_nchw: Tensor) -> SearchMaps:
        """Maps of test images, from their layer2 and layer3."""
        return SearchMaps(
            self.conv3_2t(self.conv3_1t(layer2_nchw)), self.conv4_2t(self.conv4_1t(layer3_nchw))
        )

    def test_maps_near(
        self, layer2_nchw: Tensor, layer3_nchw: Tensor, box_xyxy: tuple[float, float, float, float]
    ) -> SearchMaps:
        """The same in a box alone, to judge boxes that lie in it or beyond the image.

        Args:
            layer2_nchw: Of test images.
            layer3_nchw: Of test images.
            box_xyxy: Left, top, right, bottom in pixels of the image.
        """
        fine, fine_part = partly(
            nn.Sequential(self.conv3_1t, self.conv3_2t), layer2_nchw, box_xyxy, FINE
        )
        coarse, coarse_part = partly(
            nn.Sequential(self.conv4_1t, self.conv4_2t), layer3_nchw, box_xyxy, COARSE
        )
        return SearchMaps(fine, coarse, fine_part, coarse_part)

    def judge(self, target: SearchMaps, boxes_npxywh: Tensor) -> Tensor:
        """Scores of boxes; differentiable in everything.

        Args:
            target: Maps after :meth:`SearchMaps.modulate`.
            boxes_npxywh: (N, P, 4), P boxes in each image, in its pixels.

        Returns:
            (N, P).
        """
        return self._judge(target, boxes_npxywh)[0]

    def judge_and_gradient(self, target: SearchMaps, boxes_npxywh: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of boxes and their gradients, in evaluation mode; nothing is recorded.

        Args:
            target: Maps after :meth:`SearchMaps.modulate`.
            boxes_npxywh: (N, P, 4).

        Returns:
            (N, P) and, in x, y, w, h, (N, P, 4).

        Raises:
            InputError: In training mode, where a score depends on all boxes.
        """
        if self.training:
            raise InputError(
                "gradients of boxes were asked of a network in training mode; call eval() first"
            )
        with torch.no_grad():
            scores, pooled, hidden = self._judge(target, boxes_npxywh)
            weights = self.iou_predictor.weight.view(2, 1, -1)
            total = torch.zeros_like(boxes_npxywh)
            parts = ((self.fc3_rt, FINE_BINS), (self.fc4_rt, COARSE_BINS))
            for (block, bins), means, out, weight in zip(
                parts, pooled, hidden, weights, strict=True
            ):
                gradient = block.pull_back(out, weight.expand_as(out))
                gradient = gradient.view(*boxes_npxywh.shape[:2], -1, bins, bins)
                total += means.box_gradient(gradient.permute(0, 1, 3, 4, 2))
            left_top, right_bottom = total[..., :2], total[..., 2:]
            return scores, torch.cat((left_top + right_bottom, right_bottom), -1)

    def _judge(
        self, target: SearchMaps, boxes_npxywh: Tensor
    ) -> tuple[Tensor, list[BoxMeans], list[Tensor]]:
        """Scores, pooled maps and hidden values of both layers."""
        boxes = corners(boxes_npxywh)
        pooled = [
            BoxMeans(maps, from_part(part, boxes, scale), (bins, bins), scale)
            for maps, part, bins, scale in (
                (target.fine_nchw, target.fine_part, FINE_BINS, FINE),
                (target.coarse_nchw, target.coarse_part, COARSE_BINS, COARSE),
            )
        ]
        hidden = [
            block(means.maps.flatten(2).flatten(0, 1))
            for block, means in zip((self.fc3_rt, self.fc4_rt), pooled, strict=True)
        ]
        scores = self.iou_predictor(torch.cat(hidden, 1))
        return scores.view(boxes.shape[:2]), pooled, hidden


def corners(boxes_xywh: Tensor) -> Tensor:
    """Boxes x, y, w, h (..., 4) as left, top, right, bottom."""
    return torch.cat((boxes_xywh[..., :2], boxes_xywh[..., :2] + boxes_xywh[..., 2:]), -1)
