"""The local segmentation network: what in a region is the target (paper, section 3).

Features of the region go through F-CNN, two layers of ConvLSTM and deconvolutions. M-CNN makes the
first memory out of the first frame: of its features, beside those of the target alone, masked
before the first pooling.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.networks.conv_lstm import ConvLSTM, State
from spectrack.trackers.pixelwise.extractors import Extracted, extracted, make_extractor

STRIDE = 16
DILATION = 15
"""Side of the square that the first mask is grown by before it masks features, in pixels of the
region; the paper dilates it against artefacts of its boundary and does not say how far."""

Memory = tuple[State, State]
"""Both layers' states."""


class LocalSegmentation(nn.Module):
    """The local network; see the module's text and Table 1.

    Args:
        extractor: See :data:`~spectrack.trackers.pixelwise.extractors.EXTRACTORS`.
        side: Of the region as the network sees it, a multiple of 16.
        maps: Of F-CNN.
        memory: Hidden maps of each ConvLSTM; M-CNN has four times as many, h and c of both.
        decoder: Maps of the deconvolutions but the last.
        skips: Show the decoder the extractor's finer features, kept in a range by tanh as those of
            F-CNN are; the paper's sees the memory alone.
        peepholes: Hadamard peepholes; without them the memory knows no place.
        width: Share of the extractor's maps.

    Raises:
        InputError: If the side does not fit, or there is no such extractor.
    """

    def __init__(
        self,
        extractor: str = "vgg16",
        side: int = 224,
        maps: int = 512,
        memory: int = 256,
        decoder: Sequence[int] = (128, 64, 32),
        skips: bool = False,
        peepholes: bool = True,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        if side < STRIDE or side % STRIDE:
            raise InputError(f"regions have a side of {side}; give a multiple of {STRIDE}")
        self.side = side
        self.extractor = make_extractor(extractor, width)
        deep, finer = self.extractor.deep, self.extractor.finer
        self.m_cnn = nn.Sequential(
            nn.Conv2d(2 * deep, 4 * memory, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(4 * memory, 4 * memory, 3, padding=1),
            nn.Tanh(),
        )
        self.f_cnn = nn.Sequential(
            nn.Conv2d(deep, maps, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(maps, maps, 3, padding=1),
            nn.Tanh(),
        )
        size = (side // STRIDE, side // STRIDE) if peepholes else None
        self.layers = nn.ModuleList(
            ConvLSTM(inputs, memory, size_hw=size) for inputs in (maps, memory)
        )
        more = tuple(reversed(finer)) if skips else (0, 0, 0)  # strides 8, 4, 2
        self.finer = nn.ModuleList(nn.Conv2d(maps, maps, 1) for maps in more if maps)
        inputs = [memory, *(a + b for a, b in zip(decoder, more, strict=True))]
        self.decoder = nn.ModuleList(
            nn.ConvTranspose2d(i, o, 5, stride=2, padding=2, output_padding=1)
            for i, o in zip(inputs, (*decoder, 1), strict=True)
        )

    def start(self, images_nchw: Tensor, masks_nchw: Tensor) -> Memory:
        """The memory of a first frame (section 3.2).

        Args:
            images_nchw: Regions, RGB in 0 to 255, (N, 3, side, side).
            masks_nchw: The target in them, in [0, 1], (N, 1, side, side).
        """
        with torch.no_grad():
            early = self.extractor.early(images_nchw)
            masks = F.max_pool2d(masks_nchw.float(), DILATION, 1, DILATION // 2)
            if self.extractor.cut_stride > 1:
                masks = F.avg_pool2d(masks, self.extractor.cut_stride)
            masked = self.extractor.late(early * masks.to(early.dtype)).deep
            deep = torch.cat([self.extractor.late(early).deep, masked], 1)
        h1, c1, h2, c2 = self.m_cnn(deep).float().chunk(4, 1)
        return State(h1, c1), State(h2, c2)

    def forward(self, images_nchw: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """One frame.

        Args:
            images_nchw: As :meth:`start`.
            memory: Of the frame before.

        Returns:
            Logits, float32 (N, side, side), and the memory after it.
        """
        logits, after = self.unroll(images_nchw[None], memory)
        return logits[0], after

    def unroll(self, images_tnchw: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Many frames: logits (T, N, side, side), and the memory after the last one."""
        steps = images_tnchw.shape[:2]
        seen = extracted(self.extractor, images_tnchw.flatten(0, 1))
        x = self.f_cnn(seen.deep).unflatten(0, steps)
        after = []
        for layer, state in zip(self.layers, memory, strict=True):
            assert isinstance(layer, ConvLSTM)
            x, state = layer.unroll(x, state)
            after.append(state)
        logits = self._decode(x.flatten(0, 1), seen)
        return logits.unflatten(0, steps), (after[0], after[1])

    def _decode(self, x_nchw: Tensor, seen: Extracted) -> Tensor:
        """The hidden state of the second layer to logits (N, side, side)."""
        x, finer = x_nchw, list(reversed(seen.finer))
        for number, layer in enumerate(self.decoder):
            if number:
                x = F.leaky_relu(x)
                if len(self.finer):
                    more = self.finer[number - 1](finer[number - 1]).tanh()
                    x = torch.cat([x, more.to(x.dtype)], 1)
            x = layer(x)
        return x[:, 0].float()
