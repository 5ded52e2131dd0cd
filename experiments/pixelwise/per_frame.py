"""What the paper compares with: a network that sees single frames, fine-tuned on the first one.

It has the same extractor, F-CNN and deconvolutions, and a convolution where the memory was, so that
nothing but the memory differs. The paper's is an FCN that knows COCO; ours learns from the regions
that the local network learns from.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.networks.conv_lstm import State
from spectrack.trackers.pixelwise.extractors import extracted
from spectrack.trackers.pixelwise.local_segmentation import LocalSegmentation, Memory

PER_FRAME = "per-frame"
"""Its folder in that of a run."""
RATE, STEPS = 1e-3, 20
"""Of the fine-tuning; the paper says "small learning rate and few iterations"."""


class PerFrame(LocalSegmentation):
    """The local network without memory; arguments are those of :class:`LocalSegmentation`."""

    def __init__(self, **sizes: Any) -> None:
        super().__init__(**sizes)
        maps, memory = self.f_cnn[2].out_channels, self.layers[1].hidden
        self.plain = nn.Conv2d(maps, memory, 3, padding=1)
        del self.layers, self.m_cnn
        self.fitted: PerFrame | None = None

    def start(self, images_nchw: Tensor, masks_nchw: Tensor) -> Memory:
        """Nothing is remembered. In evaluation mode a copy is fine-tuned on this frame."""
        if not self.training and len(images_nchw) == 1 and torch.is_inference_mode_enabled():
            self.__dict__["fitted"] = self._tuned(images_nchw, masks_nchw)
        nothing = State(images_nchw.new_zeros(1), images_nchw.new_zeros(1))
        return nothing, nothing

    def unroll(self, images_tnchw: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Each frame alone, by the fine-tuned copy where there is one."""
        network, steps = self.__dict__["fitted"] or self, images_tnchw.shape[:2]
        seen = extracted(network.extractor, images_tnchw.flatten(0, 1))
        logits = network._decode(F.relu(network.plain(network.f_cnn(seen.deep))), seen)
        return logits.unflatten(0, steps), memory

    def _tuned(self, images_nchw: Tensor, masks_nchw: Tensor) -> PerFrame:
        self.__dict__["fitted"] = None
        with torch.inference_mode(False), torch.enable_grad():
            copied = copy.deepcopy(self)
            image, mask = images_nchw.clone(), masks_nchw[:, 0].clone()
            learned = [p for p in copied.parameters() if p.requires_grad]
            optimiser = torch.optim.Adam(learned, RATE)
            nothing = (State(image, image), State(image, image))
            for _ in range(STEPS):
                optimiser.zero_grad()
                logits, _ = copied.unroll(image[None], nothing)
                F.binary_cross_entropy_with_logits(logits[0], mask).backward()
                optimiser.step()
        return copied
