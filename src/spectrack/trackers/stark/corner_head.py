"""STARK's box head: two maps of where a corner is, and the mean place of each (section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CornerHead(nn.Module):
    """Corners of a box, each the mean of a distribution over the cells of a square map.

    Args:
        inputs: Maps that come in.
        width: Maps after the first convolution; the next three have a half, a quarter, an eighth.
        cells: Cells of the map's side.
    """

    def __init__(self, inputs: int = 256, width: int = 256, cells: int = 20) -> None:
        super().__init__()
        self.cells = cells
        maps = (inputs, width, width // 2, width // 4, width // 8)
        for corner in ("tl", "br"):
            for number in range(4):
                block = nn.Sequential(
                    nn.Conv2d(maps[number], maps[number + 1], 3, padding=1),
                    nn.BatchNorm2d(maps[number + 1]),
                    nn.ReLU(inplace=True),
                )
                self.add_module(f"conv{number + 1}_{corner}", block)
            self.add_module(f"conv5_{corner}", nn.Conv2d(maps[-1], 1, 1))

    def maps(self, x_nchw: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the place of the top left and the bottom right corner, (N, 1, cells, cells)."""
        found = []
        for corner in ("tl", "br"):
            x = x_nchw
            for number in range(1, 6):
                x = self.get_submodule(f"conv{number}_{corner}")(x)
            found.append(x)
        return found[0], found[1]

    def forward(self, x_nchw: Tensor) -> Tensor:
        """Boxes in shares of the map's side.

        Args:
            x_nchw: (N, inputs, cells, cells).

        Returns:
            (N, 4): x1, y1, x2, y2. A corner lies in [0, 1 - 1 / cells]: cells count from their
            first edge, not from their middle, as the published weights learned it. The second
            corner may come before the first.
        """
        places = torch.arange(self.cells, device=x_nchw.device) / self.cells
        corners = []
        for logits in self.maps(x_nchw):
            share = logits.flatten(1).softmax(1).unflatten(1, (self.cells, self.cells))
            corners += [(share.sum(1) * places).sum(1), (share.sum(2) * places).sum(1)]
        return torch.stack(corners, 1)
