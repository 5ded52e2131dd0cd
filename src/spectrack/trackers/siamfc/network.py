"""SiamFC's network: how like the template every place of a search region is.

Bertinetto et al., Fully-Convolutional Siamese Networks for Object Tracking, ECCV workshops 2016,
section 2. Names of parameters are those of checkpoints of the form that learned on GOT-10k.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from spectrack.networks.alexnet import WIDTHS, GroupedAlexNet
from spectrack.networks.siamese_correlation import cross_correlation

TEMPLATE, SEARCH = 127, 255
"""Sides of template and search region in pixels."""
GAIN = 0.001
"""What responses are multiplied by, so that learning starts with small ones."""


class SiamFC(nn.Module):
    """The same network for both images, and the correlation of what it gives.

    Args:
        widths: Of the backbone, see :class:`~spectrack.networks.alexnet.GroupedAlexNet`.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.backbone = GroupedAlexNet(widths)

    def extract(self, images_nchw: Tensor) -> Tensor:
        """Maps (N, 256, 6, 6) of templates or (N, 256, 22, 22) of search regions.

        Args:
            images_nchw: (N, 3, 127, 127) or (N, 3, 255, 255), red, green, blue, 0 to 255.
        """
        maps: Tensor = self.backbone(images_nchw)
        return maps

    def answer(self, template_nchw: Tensor, search_nchw: Tensor) -> Tensor:
        """Responses, (N, 1, 17, 17): the greater, the more alike.

        Args:
            template_nchw: Maps of a template for each search region, or of one for all.
            search_nchw: Maps of search regions.
        """
        return GAIN * cross_correlation(template_nchw[:, None], search_nchw)

    def forward(self, templates_nchw: Tensor, searches_nchw: Tensor) -> Tensor:
        """Images to the responses of :meth:`answer`."""
        return self.answer(self.extract(templates_nchw), self.extract(searches_nchw))
