"""From a head's answers for anchors to candidates: what SiamRPN and SiamMask share online."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from spectrack.networks.anchors import STRIDE, anchor_grid, decode
from spectrack.tracking.siamese import Candidates, cosine_window

TEMPLATE = 127
"""Side of the template in pixels."""


class AnchorProposals:
    """Anchors of a search region and the cosine window over them.

    Args:
        search: Side of the search region in pixels.
        base: Cells more than the difference of template and search region gives.

    Attributes:
        cells: n, of a side of the grid.
        anchors: float32 (4, A, n, n), see :func:`~spectrack.networks.anchors.anchor_grid`.
        window_n: float32 (A * n * n,).
    """

    def __init__(self, search: int, base: int) -> None:
        self.cells = (search - TEMPLATE) // STRIDE + 1 + base
        self.anchors = anchor_grid(self.cells)
        self.window_n = np.tile(cosine_window(self.cells).ravel(), self.anchors.shape[1])

    def candidates(self, logits_nahw: Tensor, deltas_nahw: Tensor) -> Candidates:
        """Scores and boxes of all anchors.

        Args:
            logits_nahw: (1, 2A, n, n), the first half of what is around the target.
            deltas_nahw: (1, 4A, n, n), of dx, dy, dw, dh in turn.
        """
        score = logits_nahw.unflatten(1, (2, -1))[0].softmax(0)[1].float().cpu().numpy()
        deltas = deltas_nahw.unflatten(1, (4, -1))[0].float().cpu().numpy()
        boxes = decode(deltas, self.anchors)
        return Candidates(score.ravel(), *(part.ravel() for part in boxes))

    def position(self, best: int) -> tuple[int, int, int]:
        """Anchor, row and column of a candidate by its number."""
        anchor, cell = divmod(best, self.cells * self.cells)
        return anchor, *divmod(cell, self.cells)
