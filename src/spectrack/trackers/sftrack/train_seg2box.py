"""Teaching :class:`~spectrack.trackers.sftrack.seg2box.Seg2Box`: samples, loss and recipe.

Samples come from true masks that are spoilt anew each time they are drawn; or they are given, cut
from what a tracker really gave. The truth is the box of the true mask, as an annotator would draw
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.storage import Progress
from spectrack.structures import Box, HardHW, SoftHW
from spectrack.trackers.sftrack.boxes import box_maps, crop_about, tight_rule, to_edges
from spectrack.trackers.sftrack.seg2box import Seg2Box
from spectrack.trackers.sftrack.train_mask_corruption import (
    Source,
    corrupt,
    make_source,
    tracker_boxes,
)
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.loop.trainer import TrainResult, train

L1_WEIGHT, GIOU_WEIGHT, PLACE_WEIGHT = 5.0, 2.0, 0.1

SECOND = 0.3
"""How often a spoilt mask is cut as for a second look."""

SEG2BOX_TRAINING = TrainSettings(
    epochs=24,
    batch_size=32,
    learning_rate=2e-3,
    weight_decay=1e-4,
    schedule="step",
    schedule_every=8,
    schedule_factor=0.25,
    clip=5.0,
    log_every=50,
    device="cpu",
)
"""On a CPU, where a run goes on with the same bits: some four minutes on one core."""


@dataclass(frozen=True, slots=True, eq=False)
class BoxSample:
    """What the network sees, and what is true.

    Attributes:
        maps_chw: float32 (2, 64, 64): mask and consensus in the crop.
        edges_4: float32 (4,): x1, y1, x2, y2 of the true box in [0, 1] of the crop.
    """

    maps_chw: NDArray[np.float32]
    edges_4: NDArray[np.float32]


def box_sample(soft_hw: SoftHW, boxes: Sequence[Box], truth: Box) -> BoxSample | None:
    """A sample from a tracker's answer, cut as ``LearnedBox`` cuts it.

    Args:
        soft_hw: Final soft mask of shape (H, W).
        boxes: Of the input trackers.
        truth: The annotated box, same pixels.

    Returns:
        The sample; None where the mask is empty at 0.5, or the truth outside of its crop, so
        that there is nothing to learn.
    """
    tight = tight_rule(soft_hw)
    if tight is None:
        return None
    crop = crop_about(tight)
    x1, y1, x2, y2 = edges = to_edges(truth, crop)
    if x1 >= x2 or y1 >= y2:
        return None
    return BoxSample(box_maps(soft_hw, boxes, crop), np.array(edges, dtype=np.float32))


class BoxSamples:
    """Samples of a training: spoilt masks first, then the given ones.

    Each is mirrored half of the times.

    Args:
        sources: Masks to spoil.
        given: Samples as they are.
    """

    def __init__(self, sources: Sequence[Source], given: Sequence[BoxSample] = ()) -> None:
        self._sources, self._given = sources, given

    def __len__(self) -> int:
        return len(self._sources) + len(self._given)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Maps (2, 64, 64) and edges (4,); drawn with torch's global generator alone."""
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        if index < len(self._sources):
            sample = spoilt_sample(self._sources[index], rng, SECOND)
        else:
            sample = self._given[index - len(self._sources)]
        maps, edges = torch.from_numpy(sample.maps_chw), torch.from_numpy(sample.edges_4)
        if rng.random() < 0.5:
            x1, y1, x2, y2 = edges
            maps, edges = maps.flip(2), torch.stack([1 - x2, y1, 1 - x1, y2])
        return {"maps": maps, "edges": edges}


def spoilt_sample(source: Source, rng: np.random.Generator, second: float = 0.0) -> BoxSample:
    """A sample from a spoilt mask; from the mask itself where nothing is left of it.

    Args:
        source: What is true.
        rng: Decides everything.
        second: How often the crop is that of a second look: about a box near the true one.
    """
    soft_hw, boxes = corrupt(source, rng), tracker_boxes(source.box, rng)
    if rng.random() < second:
        moved, grown = rng.normal(0, 0.04, size=2), np.exp(rng.normal(0, 0.06, size=2))
        near = Box(
            source.box.x + float(moved[0] - (grown[0] - 1) / 2) * source.box.w,
            source.box.y + float(moved[1] - (grown[1] - 1) / 2) * source.box.h,
            source.box.w * float(grown[0]),
            source.box.h * float(grown[1]),
        )
        return _cut(soft_hw, boxes, source.box, crop_about(near))
    spoilt = box_sample(soft_hw, boxes, source.box)
    return spoilt or _cut(source.soft_hw, boxes, source.box, crop_about(source.box))


def _cut(soft_hw: SoftHW, boxes: Sequence[Box], truth: Box, crop: Box) -> BoxSample:
    edges = np.array(to_edges(truth, crop), dtype=np.float32)
    return BoxSample(box_maps(soft_hw, boxes, crop), edges)


def giou(boxes_n4: Tensor, truth_n4: Tensor) -> Tensor:
    """Generalised intersection over union (Rezatofighi et al., CVPR 2019).

    Args:
        boxes_n4: (N, 4) x1, y1, x2, y2 with x1 <= x2, y1 <= y2.
        truth_n4: Likewise.

    Returns:
        (N,) in [-1, 1]: IoU less the share of the smallest box about both that neither fills.
    """
    least, most = torch.minimum(boxes_n4, truth_n4), torch.maximum(boxes_n4, truth_n4)
    both = (least[:, 2:] - most[:, :2]).clamp(min=0).prod(1)
    hull = (most[:, 2:] - least[:, :2]).prod(1)
    areas = ((x[:, 2:] - x[:, :2]).prod(1) for x in (boxes_n4, truth_n4))
    union = sum(areas, -both)
    tiny = torch.finfo(boxes_n4.dtype).tiny
    return both / union.clamp(min=tiny) - (hull - union) / hull.clamp(min=tiny)


def box_loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """L1 on the edges, generalised IoU, and the places on both sides of each true edge.

    The first two move the mean of a distribution and leave its width open; the last one, the
    cross-entropy with the two nearest places (Li et al., NeurIPS 2020), makes it narrow where the
    edge is certain, so that the confidence means something.

    Args:
        model: Seg2Box.
        batch: ``maps`` (N, 2, 64, 64) and ``edges`` (N, 4).
    """
    guess, truth_n4 = model(batch["maps"]), batch["edges"]
    l1 = (guess.boxes_n4 - truth_n4).abs().mean()
    overlap = giou(guess.boxes_n4, truth_n4).mean()
    places = place_loss(guess.logits_n4b, truth_n4)
    return L1_WEIGHT * l1 + GIOU_WEIGHT * (1 - overlap) + PLACE_WEIGHT * places


def place_loss(logits_n4b: Tensor, truth_n4: Tensor) -> Tensor:
    """Cross-entropy with the two places about each true edge, weighted by their nearness.

    Args:
        logits_n4b: (N, 4, B), places evenly from 0 to 1.
        truth_n4: (N, 4) in [0, 1].
    """
    last = logits_n4b.shape[-1] - 1
    at_n4 = truth_n4 * last
    low_n4 = at_n4.floor().clamp(0, last - 1)
    high_share_n4 = at_n4 - low_n4
    logs_n4b = F.log_softmax(logits_n4b, dim=-1)
    index_n41 = low_n4.long()[..., None]
    low_logs, high_logs = (logs_n4b.gather(-1, index_n41 + i)[..., 0] for i in (0, 1))
    return -((1 - high_share_n4) * low_logs + high_share_n4 * high_logs).mean()


def learn_seg2box(
    masks: Iterable[HardHW],
    folder: Path,
    settings: TrainSettings = SEG2BOX_TRAINING,
    *,
    given: Sequence[BoxSample] = (),
    held_out: Sequence[BoxSample] = (),
    start: Seg2Box | None = None,
    about: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> tuple[Seg2Box, TrainResult]:
    """Train the box regressor.

    A run that was stopped goes on when called again with the same arguments.

    Args:
        masks: True masks, bool (H, W); empty ones are passed over.
        folder: Of the run; ``best.safetensors`` in it holds the weights.
        settings: How to train.
        given: Samples of a tracker's real output, beside the masks or in their place.
        held_out: Samples that choose the best epoch, by mean IoU; by the loss where there are
            none.
        start: A network to go on with; new from the seed where left out.
        about: More that decides the result, for the run's description.
        progress: Called with the steps done and in all.

    Returns:
        The network with its best weights, in evaluation mode, and what the run came to.

    Raises:
        InputError: If there is nothing to learn from, or as ``trainer.train``.
    """
    sources = [source for source in map(make_source, masks) if source is not None]
    if not sources and not given:
        raise InputError(
            "there are no masks with foreground and no samples; give some to learn boxes from"
        )
    model = start or new_network(settings.seed)
    result = train(
        model,
        BoxSamples(sources, given),
        box_loss,
        settings,
        folder,
        validate=(lambda network: {"iou": mean_iou(network, held_out)}) if held_out else None,
        monitor="iou" if held_out else "loss",
        best="max" if held_out else "min",
        extra={
            "masks": len(sources),
            "given": len(given),
            "held_out": len(held_out),
            "weights": [L1_WEIGHT, GIOU_WEIGHT, PLACE_WEIGHT],
            **(about or {}),
        },
        progress=progress,
    )
    model.load_state_dict(load_file(folder / "best.safetensors"))
    return model.eval(), result


def new_network(seed: int) -> Seg2Box:
    """A network with weights drawn from a seed; the caller's random state stays."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return Seg2Box()


def mean_iou(model: nn.Module, samples: Sequence[BoxSample], batch_size: int = 64) -> float:
    """Mean IoU of the network's boxes with the true ones, in [0, 1].

    Args:
        model: Seg2Box, in the mode it shall have.
        samples: At least one.
        batch_size: Samples at a time.
    """
    device = next(model.parameters()).device
    total = 0.0
    with torch.no_grad():
        for first in range(0, len(samples), batch_size):
            part = samples[first : first + batch_size]
            maps = torch.from_numpy(np.stack([s.maps_chw for s in part])).to(device)
            boxes = model(maps).boxes_n4.cpu().tolist()
            for found, true in zip(boxes, (s.edges_4.tolist() for s in part), strict=True):
                total += Box.from_xyxy(*found).iou(Box.from_xyxy(*true))
    return total / len(samples)
