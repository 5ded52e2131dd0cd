"""MDNet's network: shared layers, and a branch of its own for every video it learned from.

Nam and Han, Learning Multi-Domain Convolutional Neural Networks for Visual Tracking, CVPR 2016,
section 3.1. Three convolutions of VGG-M see a patch of 107x107 pixels; fc4 and fc5 are shared, too;
a branch, fc6, tells target from background in one video (a domain). Names of parameters are those
of the published checkpoints, which hold the shared layers alone: a target's branch is always new.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectrack.errors import InputError

PATCH = 107
"""Side of a patch in pixels."""
CELLS = 9
"""Of the last convolution's map, 3x3."""
TARGET = 1
"""Channel of the scores that is the target's; the other is the background's."""
DROPOUT = 0.5
ALPHA, BETA = 1e-4, 0.75


class LocalResponseNorm(nn.Module):
    """Every map divided by (1 + ALPHA m)^BETA, m the mean of squares of itself and the map before.

    As ``torch.nn.LocalResponseNorm(2)``, five times faster on a CPU. VGG-M was trained with a
    window of five; the published weights of MDNet were trained with this one.
    """

    def forward(self, maps_nchw: Tensor) -> Tensor:
        """The same shape."""
        squares = maps_nchw.square()
        # (1 + a s)^-b = a^-b (1/a + s)^-b: the constants leave the sum of the two squares alone
        share = ALPHA / 2
        before = F.pad(squares[:, :-1], (0, 0, 0, 0, 1, 0))
        root = (squares + before).add_(1 / share).rsqrt_()
        return maps_nchw * root * (root.sqrt() * share**-BETA)


def _convolution(before: int, after: int, side: int, stride: int, pooled: bool) -> nn.Sequential:
    layers = [nn.Conv2d(before, after, side, stride), nn.ReLU()]
    if pooled:
        layers += [LocalResponseNorm(), nn.MaxPool2d(3, 2)]
    return nn.Sequential(*layers)


class MDNet(nn.Module):
    """The network.

    Args:
        domains: Branches, one for every video to learn from; none for tracking.
        widths: Maps of the three convolutions.
        hidden: Neurons of fc4 and fc5.

    Raises:
        InputError: If a count is out of range.
    """

    def __init__(
        self,
        domains: int = 0,
        widths: tuple[int, int, int] = (96, 256, 512),
        hidden: int = 512,
    ) -> None:
        super().__init__()
        if len(widths) != 3 or min(*widths, hidden) < 1 or domains < 0:
            raise InputError(
                f"MDNet of widths {tuple(widths)}, {hidden} neurons and {domains} domains was "
                "asked for; give three widths and neurons of 1 or more, and domains of 0 or more"
            )
        self.hidden = hidden
        self.layers = nn.Sequential(
            OrderedDict(
                conv1=_convolution(3, widths[0], 7, 2, pooled=True),
                conv2=_convolution(widths[0], widths[1], 5, 2, pooled=True),
                conv3=_convolution(widths[1], widths[2], 3, 1, pooled=False),
                fc4=nn.Sequential(nn.Linear(CELLS * widths[2], hidden), nn.ReLU()),
                fc5=nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(hidden, hidden), nn.ReLU()),
            )
        )
        self.branches = nn.ModuleList(
            nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(hidden, 2)) for _ in range(domains)
        )

    @property
    def fc4(self) -> nn.Linear:
        """First fully connected layer."""
        return cast(nn.Linear, self.layers.get_submodule("fc4.0"))

    @property
    def fc5(self) -> nn.Linear:
        """Second fully connected layer."""
        return cast(nn.Linear, self.layers.get_submodule("fc5.1"))

    def features(self, patches_nchw: Tensor) -> Tensor:
        """What the convolutions see.

        Args:
            patches_nchw: float32 (N, 3, 107, 107), RGB, each pixel less 128.

        Returns:
            (N, 9 maps), map by map.
        """
        maps: Tensor = self.layers[:3](patches_nchw)
        return maps.flatten(1)

    def classify(self, features_nc: Tensor, domain: int = 0) -> Tensor:
        """Scores of background and target by the branch of a domain, (N, 2).

        Args:
            features_nc: Of :meth:`features`.
            domain: Which branch.
        """
        scores: Tensor = self.branches[domain](self.layers[3:](features_nc))
        return scores

    def forward(self, patches_nchw: Tensor, domain: int = 0) -> Tensor:
        """Patches to the scores of :meth:`classify`."""
        return self.classify(self.features(patches_nchw), domain)


def binary_loss(positive_n2: Tensor, negative_n2: Tensor) -> Tensor:
    """Mean cross entropy of scores of the target and of background, either of which may be none.

    Args:
        positive_n2: Scores of patches of the target.
        negative_n2: Scores of patches of background.
    """
    scores = torch.cat([positive_n2, negative_n2])
    truth = torch.zeros(len(scores), dtype=torch.int64, device=scores.device)
    truth[: len(positive_n2)] = TARGET
    return F.cross_entropy(scores, truth)
