"""The network of masks in boxes fine-tuned on the first frame, for one target alone.

As OSVOS does (Caelles et al., CVPR 2017): what the target looks like is learned from the one frame
whose mask is known, shown many times as it may be seen later, and in other light. Here it takes
tens of steps rather than hundreds, as the network knows what things look like and has a memory of
the frame. The outcome lies half way back to the network as it was, which keeps most of what was
learned and what would have been forgotten (WiSE-FT, Wortsman et al., CVPR 2022).
"""

from __future__ import annotations

import copy
import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from spectrack.networks.mask_in_box import HINTS, MaskInBox, Memory
from spectrack.networks.mobilenet_v2 import normalised
from spectrack.structures import Box, FrameHWC, HardHW, SoftHW
from spectrack.threads import on_one_processor, side_by_side
from spectrack.tracking.appearance import ColourModel, colour_index
from spectrack.tracking.looks import CONTEXT, SIDE, Hint, Look
from spectrack.tracking.mask_hints import leaked, some_of, spoilt
from spectrack.tracking.object_views import Conditions, Shot, shot, with_other, worn
from spectrack.tracking.square_crop import SquareCrop

LOG = logging.getLogger(__name__)

RATE = 2e-4
"""Learning rate of the first step; that of the last is next to nothing."""

SHARE = 0.5
"""How far the outcome lies from the network as it was, of the way that was learned."""

SURE = 0.8
"""Of a mask that a network made, pixels at least this soft are the target and those of at most the
rest are not; others are not learned from."""

TRUE = 2
"""How many times the steps are worth it where the mask was not made by a network."""

VIEWS = 2
"""Views of the target in a step; each is learned from on a processor of its own."""

SPREADS = (0.04, 0.06, 0.1, 0.2)
"""How far shown boxes are off, in their sides, each as likely."""

LEAKS, TOLD, BARE = 0.25, 0.75, 0.1
"""Shares of views whose mask of before has spread onto something else, of those that are shown one
at all, and of those that are shown no colours."""

DOUBLES = 0.4
"""Share of views with the target once more, before or behind itself: its double is not the target.
Without them a mask spreads more easily onto look-alikes."""

SMALLEST = 64
"""Pixels of a view's mask that can be believed below which it teaches nothing."""

MOST_KNOWN = 8
"""Targets whose networks are kept."""


class FineTuning:
    """Learns a target's first frame.

    Args:
        network: Trained, not folded; it stays as it is.
        steps: How many, of a mask that a network made; of a true one :data:`TRUE` times as many.
        rate: See :data:`RATE`.
        seed: Of everything that is drawn.
    """

    def __init__(self, network: MaskInBox, steps: int, rate: float = RATE, seed: int = 0) -> None:
        self._network, self._steps, self._rate, self._seed = network, steps, rate, seed

    def learned(self, frame_hwc: FrameHWC, soft_hw: SoftHW, box: Box) -> MaskInBox:
        """A copy of the network that knows the target; nobody may change it.

        The same on any number of processors: each view's gradient is found on one. What was learned
        last is kept for whoever asks again, as both ways from a key frame do.

        Args:
            frame_hwc: uint8 RGB, the first frame.
            soft_hw: Mask of the target there, float32 (H, W) in [0, 1].
            box: Of the mask.
        """
        said = hashlib.sha256(repr((soft_hw.shape, box)).encode())
        for one in (frame_hwc, soft_hw):
            said.update(np.ascontiguousarray(one).data)
        asked = (self._network, self._steps, self._rate, self._seed, said.digest())
        known = _KNOWN.get(asked)
        if known is None:
            _tell_once()
            known = self._learn(frame_hwc, soft_hw, box)
            _KNOWN.keep(asked, known)
        return known

    def _learn(self, frame_hwc: FrameHWC, soft_hw: SoftHW, box: Box) -> MaskInBox:
        lesson = _Lesson.of(self._network, frame_hwc, soft_hw, box)
        true = bool(((soft_hw == 0) | (soft_hw == 1)).all())  # what networks make has soft edges
        steps = TRUE * self._steps if true else self._steps
        weights = list(lesson.network.parameters())
        optimizer = torch.optim.AdamW(weights, lr=self._rate, weight_decay=1e-4, fused=True)
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = self._rate * (1 - step / steps)
            draws = [[self._seed, step, place] for place in range(VIEWS)]
            found = side_by_side([partial(lesson.gradients, draw) for draw in draws])
            _take_step(optimizer, weights, [one for one in found if one is not None])
        with torch.inference_mode(False), torch.no_grad():
            for weight, before in zip(weights, self._network.parameters(), strict=True):
                weight.copy_(before + SHARE * (weight - before))
        return lesson.network.requires_grad_(False)


class _Known:
    """What was learned last, for several threads; :data:`MOST_KNOWN` networks of 8 MiB."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, MaskInBox] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, asked: Hashable) -> MaskInBox | None:
        with self._lock:
            if asked in self._kept:
                self._kept.move_to_end(asked)
            return self._kept.get(asked)

    def keep(self, asked: Hashable, network: MaskInBox) -> None:
        with self._lock:
            self._kept[asked] = network
            while len(self._kept) > MOST_KNOWN:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()


_KNOWN = _Known()


def forget_targets() -> None:
    """Keep nothing of what was learned: to measure what learning takes, or to free the memory."""
    _KNOWN.clear()


@lru_cache(maxsize=1)
def _tell_once() -> None:
    LOG.info("learning what each target looks like in its first frame: a few seconds each")


@dataclass(frozen=True, slots=True, eq=False)
class _Lesson:
    """What is learned from: a frame with the target's mask, and what the network knows of it.

    Attributes:
        network: That learns.
        frame_hwc: uint8 RGB.
        mask_hw: bool.
        sure_hw: Where it can be believed; None where it can everywhere.
        colours: Of the target.
        memory: Of the frame, by the network as it was.
    """

    network: MaskInBox
    frame_hwc: FrameHWC
    mask_hw: HardHW
    sure_hw: HardHW | None
    colours: ColourModel
    memory: Memory

    @classmethod
    @on_one_processor
    def of(cls, network: MaskInBox, frame_hwc: FrameHWC, soft_hw: SoftHW, box: Box) -> _Lesson:
        """Begin with a copy of a network."""
        crop = SquareCrop.around(box, CONTEXT, SIDE)
        look = Look.at(frame_hwc, crop, Hint(box), None)
        soft_ss = np.ascontiguousarray(crop.cut(soft_hw))
        colours = ColourModel(colour_index(look.shown_hwc), soft_ss, 0.5)
        with torch.inference_mode(False), torch.no_grad():
            own: MaskInBox = copy.deepcopy(network).eval().requires_grad_(True)
            own = own.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            features = own.features(look.image_1css, look.maps_1css)
            mask = torch.from_numpy(soft_ss)[None, None]
            memory = own.remember(features, look.maps_1css[:, :1], mask)
        sure = (soft_hw >= SURE) | (soft_hw <= 1 - SURE)
        believed = None if sure.all() else sure
        return cls(own, frame_hwc, soft_hw >= 0.5, believed, colours, memory)

    @on_one_processor
    def gradients(self, draw: Sequence[int]) -> list[Tensor] | None:
        """Of Dice + BCE in a view of the target, by the network's weights; None without a view.

        Args:
            draw: Seed of the view.
        """
        rng, chance = np.random.default_rng(draw), torch.Generator()
        chance.manual_seed(int(rng.integers(2**62)))
        view = self._view(rng)
        if view is None:
            return None
        weights = list(self.network.parameters())
        with torch.inference_mode(False), torch.enable_grad():  # which are a thread's own
            image, hints, truth = self._sample(view, rng, chance)
            logits = self.network(image, hints, self.memory)
            if view.sure_ss is not None:
                known = torch.from_numpy(view.sure_ss > 0)[None, None]
                logits, truth = logits[known], truth[known]
            soft = torch.sigmoid(logits)
            dice = 1 - 2 * (soft * truth).sum() / (soft + truth).sum()
            loss = (dice + F.binary_cross_entropy_with_logits(logits, truth)) / 2
            found = torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True)
        return list(found)

    def _view(self, rng: np.random.Generator) -> Shot | None:
        """The target as it may be seen later; None where next to nothing of it is."""
        one = self._shot(rng)
        if one is None:
            return None
        believed = one.truth_ss if one.sure_ss is None else one.truth_ss & one.sure_ss
        if np.count_nonzero(believed) < SMALLEST:
            return None
        if rng.random() < DOUBLES:
            double = self._shot(rng)
            one = one if double is None else with_other(one, double, rng)
        return replace(one, image_ssc=worn(one.image_ssc, rng))

    def _shot(self, rng: np.random.Generator) -> Shot | None:
        return shot(
            self.frame_hwc,
            self.mask_hw,
            rng,
            side=SIDE,
            conditions=Conditions.draw(rng).near(rng, 8.0, 0.07),
            spread=float(rng.choice(SPREADS)),
            sure_hw=self.sure_hw,
        )

    def _sample(
        self, view: Shot, rng: np.random.Generator, chance: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Picture, hints and truth as the network takes them."""
        image = normalised(torch.from_numpy(view.image_ssc)[None].permute(0, 3, 1, 2))
        truth, box = (
            torch.from_numpy(one)[None, None] / 255 for one in (view.truth_ss, view.box_ss)
        )
        mask = leaked(spoilt(truth, chance), LEAKS, chance) * some_of(truth, TOLD, chance)
        hints = torch.zeros(1, len(HINTS), SIDE, SIDE)
        hints[:, :1], hints[:, 1:2] = box, mask
        if rng.random() >= BARE:
            index = colour_index(view.image_ssc)
            hints[:, 2] = torch.from_numpy(self.colours.probability_hw(index))
        return image, hints.contiguous(memory_format=torch.channels_last), truth


@on_one_processor
def _take_step(
    optimizer: torch.optim.Optimizer, weights: Sequence[Tensor], found: Sequence[list[Tensor]]
) -> None:
    """Along the mean of the views' gradients."""
    if not found:
        return
    with torch.inference_mode(False), torch.no_grad():
        for weight, *each in zip(weights, *found, strict=True):
            weight.grad = torch.stack(each).mean(0) if len(each) > 1 else each[0]
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
