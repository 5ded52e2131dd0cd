"""STARK (Yan et al., ICCV 2021): template and search region as tokens of one transformer.

Names of parameters are those of the published weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.networks.resnet import STRIDES, ResNet
from spectrack.networks.sine_positions import sine_positions
from spectrack.networks.transformer import Transformer
from spectrack.trackers.stark.corner_head import CornerHead

TEMPLATE_SIDE = 128
SEARCH_SIDE = 320
LAYER = "layer3"
STRIDE = STRIDES[LAYER]
CELLS = SEARCH_SIDE // STRIDE


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """A crop as the transformer reads it: a token for every cell of the backbone's map.

    Args:
        values: (B, N, C).
        positions: (B, N, C).
        seen: bool (B, N), cells that show the frame and not what lies outside of it.
    """

    values: Tensor
    positions: Tensor
    seen: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the network says of a search region.

    Args:
        corners: (B, 4), x1, y1, x2, y2 in shares of its side; the second corner may come first.
        logits: (B,), that the target is in it; None from a network without a score head.
    """

    corners: Tensor
    logits: Tensor | None


class ScoreHead(nn.Module):
    """Linear maps with rectifiers between them: a token to one logit (section 3.3)."""

    def __init__(self, width: int, layers: int = 3) -> None:
        super().__init__()
        outs = [width] * (layers - 1) + [1]
        self.layers = nn.ModuleList(nn.Linear(width, out) for out in outs)

    def forward(self, token_bc: Tensor) -> Tensor:
        """(B, C) to (B,)."""
        x = token_bc
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        out: Tensor = self.layers[-1](x)
        return out[:, 0]


class STARK(nn.Module):
    """STARK-S, and STARK-ST where it has a score head.

    Args:
        backbone: Ends with layer 3.
        width: Channels of a token.
        heads: Of every attention.
        layers: Of encoder and decoder each.
        hidden: Channels within a layer's transformation.
        dropout: Share dropped while learning.
        scores: Whether there is a score head.
    """

    def __init__(
        self,
        backbone: ResNet,
        width: int = 256,
        heads: int = 8,
        layers: int = 6,
        hidden: int = 2048,
        dropout: float = 0.1,
        scores: bool = False,
    ) -> None:
        super().__init__()
        self.backbone = nn.ModuleList([nn.ModuleDict({"body": backbone})])
        self.bottleneck = nn.Conv2d(backbone.channels[LAYER], width, 1)
        self.transformer = Transformer(width, heads, layers, hidden, dropout)
        self.query_embed = nn.Embedding(1, width)
        self.box_head = CornerHead(width, width, CELLS)
        self.cls_head = ScoreHead(width) if scores else None

    @property
    def variant(self) -> str:
        """Which of the published networks this has the depth of: s50, st50, st101; or empty."""
        depth = {6: "50", 23: "101"}.get(len(self.body.get_submodule(LAYER)))  # type: ignore[arg-type]
        return "" if depth is None else ("s" if self.cls_head is None else "st") + depth

    @property
    def body(self) -> ResNet:
        """The backbone."""
        found = self.get_submodule("backbone.0.body")
        assert isinstance(found, ResNet)
        return found

    def encode(self, rgb_nchw: Tensor, outside_nhw: Tensor) -> Tokens:
        """A crop to tokens; those of a template are kept as long as the template is.

        Args:
            rgb_nchw: (B, 3, H, W), 0 to 255.
            outside_nhw: bool (B, H, W), pixels outside of the frame.

        Returns:
            N = H W / 256 tokens, row by row.
        """
        maps = self.body(self.body.normalise(rgb_nchw), (LAYER,))[LAYER]
        values: Tensor = self.bottleneck(maps)
        outside = F.interpolate(outside_nhw[:, None].float(), size=values.shape[-2:])
        seen = outside[:, 0] == 0
        positions = sine_positions(seen, values.shape[1])
        return Tokens(
            values.flatten(2).transpose(1, 2),
            positions.flatten(2).transpose(1, 2),
            seen.flatten(1),
        )

    def locate(self, templates: Sequence[Tokens], search: Tokens) -> Answer:
        """Find the templates' target in a search region.

        Args:
            templates: One, or the first one and later ones.
            search: 400 tokens.
        """
        every = [*templates, search]
        seen = torch.cat([part.seen for part in every], 1)
        memory, found = self.transformer(
            torch.cat([part.values for part in every], 1),
            torch.cat([part.positions for part in every], 1),
            self.query_embed.weight[None],
            seen,
        )
        logits = None if self.cls_head is None else self.cls_head(found[:, 0])
        return Answer(self.corners(memory[:, -search.values.shape[1] :], found), logits)

    def corners(self, encoded: Tensor, found: Tensor) -> Tensor:
        """The box: tokens of the search region, enhanced where they agree with what was found.

        Args:
            encoded: (B, 400, C).
            found: The decoder's answer, (B, 1, C).

        Returns:
            See :class:`Answer`.
        """
        agreement = encoded @ found.transpose(1, 2)  # (B, 400, 1), as it is: no softmax, no scale
        enhanced = (encoded * agreement).transpose(1, 2).unflatten(2, (CELLS, CELLS))
        out: Tensor = self.box_head(enhanced)
        return out


def stark(depth: int = 50, scores: bool = False) -> STARK:
    """The networks that published weights are of.

    Args:
        depth: 50 or 101, of the ResNet.
        scores: STARK-ST, where True.
    """
    depths = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}[depth]
    return STARK(ResNet(depths=depths, frozen=True, deepest=LAYER), scores=scores)
