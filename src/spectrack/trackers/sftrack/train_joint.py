"""Phase 3 of SFTrack++: everything fine-tuned together on tracking (SFTrack++ paper, section 3).

A sample is one frame of the tracker's run: what NN_feat2seg saw of every hypothesis goes through
it again, the masks are brought into one crop about the target, mixed, and read by NN_seg2box; the
losses of the mask and of the box reach all three. The spectral step is left out of this path: it
has nothing to learn, and its links to past frames would need their gradients, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.spectral.mixing.learned import LearnedMixing
from spectrack.storage import Progress
from spectrack.structures import Box
from spectrack.trackers.sftrack.boxes import box_maps, crop_about, to_edges
from spectrack.trackers.sftrack.crop import SIDE, Crop
from spectrack.trackers.sftrack.feat2seg import Feat2Seg
from spectrack.trackers.sftrack.seg2box import SIDE as BOX_SIDE
from spectrack.trackers.sftrack.seg2box import BoxGuess, Seg2Box
from spectrack.trackers.sftrack.train_feat2seg import LossName, soft_loss
from spectrack.trackers.sftrack.train_runs import LearningRun
from spectrack.trackers.sftrack.train_seg2box import (
    GIOU_WEIGHT,
    L1_WEIGHT,
    PLACE_WEIGHT,
    giou,
    place_loss,
)
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.loop.trainer import TrainResult, train

BOX_WEIGHT = 0.2
"""Of the box's loss beside the mask's."""

JOINT_TRAINING = TrainSettings(
    epochs=2,
    batch_size=8,
    learning_rate=1e-4,
    weight_decay=1e-4,
    schedule="step",
    schedule_every=1,
    clip=1.0,
    log_every=20,
    checkpoint_every=100,
)
"""Settings of the fine-tuning."""


class JointBatch(TypedDict):
    """Frames of runs; C inputs, S = 128.

    Attributes:
        maps: (N, C, 5, S, S) in [0, 1]; zeros where an input says nothing.
        places: (N, C, 4): scale and shift along x, scale and shift along y, from the common crop
            to that of a hypothesis, both as [-1, 1].
        present: bool (N, C).
        agreement: (N, C).
        scale: (N,) size of the target, as the mixing takes it.
        consensus: (N, 64, 64) the inputs' boxes in the common crop.
        truth: (N, S, S) the true mask in the common crop.
        edges: (N, 4) the true box there.
    """

    maps: Tensor
    places: Tensor
    present: Tensor
    agreement: Tensor
    scale: Tensor
    consensus: Tensor
    truth: Tensor
    edges: Tensor


class Joint(nn.Module):
    """All that SFTrack++ learns, as one module.

    Args:
        feat2seg: Phase 1.
        mixing: Phase 2.
        seg2box: Phase 3.
    """

    def __init__(self, feat2seg: Feat2Seg, mixing: LearnedMixing, seg2box: Seg2Box) -> None:
        super().__init__()
        self.feat2seg, self.mixing, self.seg2box = feat2seg, mixing, seg2box

    def forward(self, batch: JointBatch) -> tuple[Tensor, BoxGuess]:
        """Fused soft masks in the common crops, (N, S, S), and boxes."""
        maps_nkchw, present_nk = batch["maps"], batch["present"]
        soft = torch.sigmoid(self.feat2seg(maps_nkchw.flatten(0, 1)).float())
        common = F.grid_sample(soft, grids(batch["places"].flatten(0, 1)), align_corners=False)
        channels_nkhw = common.squeeze(1).unflatten(0, present_nk.shape)
        channels_nkhw = channels_nkhw * present_nk[..., None, None]
        fused_nhw, _ = self.mixing(channels_nkhw, batch["agreement"], present_nk, batch["scale"])
        small = F.interpolate(fused_nhw[:, None], size=(BOX_SIDE, BOX_SIDE), mode="area")
        return fused_nhw, self.seg2box(torch.cat([small, batch["consensus"][:, None]], dim=1))


def grids(places_n4: Tensor, side: int = SIDE) -> Tensor:
    """Where each pixel of the common crop lies in another: (N, side, side, 2) for grid_sample."""
    at = (torch.arange(side, device=places_n4.device) + 0.5) * (2 / side) - 1
    x = places_n4[:, 0:1] * at + places_n4[:, 1:2]
    y = places_n4[:, 2:3] * at + places_n4[:, 3:4]
    n = len(places_n4)
    across, down = x[:, None, :].expand(n, side, side), y[:, :, None].expand(n, side, side)
    return torch.stack([across, down], dim=-1)


def joint_loss(model: nn.Module, batch: JointBatch, loss: LossName = "dice_bce") -> Tensor:
    """Loss of the mask, and of the box where it lies in the crop.

    Args:
        model: :class:`Joint`.
        batch: Frames.
        loss: Of the mask.
    """
    fused_nhw, guess = model(batch)
    truth_n4 = batch["edges"]
    boxes = (
        L1_WEIGHT * (guess.boxes_n4 - truth_n4).abs().mean()
        + GIOU_WEIGHT * (1 - giou(guess.boxes_n4, truth_n4).mean())
        + PLACE_WEIGHT * place_loss(guess.logits_n4b, truth_n4)
    )
    return soft_loss(loss, fused_nhw, batch["truth"]) + BOX_WEIGHT * boxes


class JointSamples:
    """Frames of runs, as tensors when asked for.

    Args:
        runs: Of the tracker.
        stride: Take every so many frames.
    """

    def __init__(self, runs: Sequence[LearningRun], stride: int = 1) -> None:
        self._runs = runs
        self._places = []
        for r, run in enumerate(runs):
            for t in range(1, len(run.frames), stride):
                frame, truth = run.frames[t], run.video.truth_box(t)
                if frame is None or truth is None or truth.area < 16:
                    continue
                # Hypotheses that all miss the target say nothing of its shape.
                if max((box.iou(truth) for box in frame.boxes), default=0) > 0.1:
                    self._places.append((r, t, truth))

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> JointBatch:
        """The fields of :class:`JointBatch` without N; mirrored half of the times."""
        r, t, truth_box = self._places[index]
        run = self._runs[r]
        frame = run.frames[t]
        assert frame is not None
        mask = run.video.truth_mask(t)
        about = self._about(truth_box)
        common = crop_about(about)
        x1, y1 = round(common.x), round(common.y)
        crop = Crop(x1, y1, x1 + max(16, round(common.w)), y1 + max(16, round(common.h)))
        square = Box(crop.x1, crop.y1, crop.x2 - crop.x1, crop.y2 - crop.y1)
        count, there = len(run.names), np.flatnonzero(frame.present_c)
        maps = np.zeros((count, *frame.maps_kchw.shape[1:]), dtype=np.uint8)
        maps[there] = frame.maps_kchw
        places = np.zeros((count, 4), dtype=np.float32)
        for k, other in zip(there, frame.crops, strict=True):
            places[k] = relation(crop, other)
        truth = np.zeros((SIDE, SIDE), np.float32)
        if mask is not None:
            truth = np.clip(crop.cut(mask.astype(np.float32)), 0, 1)  # resizing may round above 1
        empty = np.zeros((run.size_wh[1], run.size_wh[0]), dtype=np.float32)
        found: JointBatch = {
            "maps": torch.from_numpy(maps.astype(np.float32) / 255),
            "places": torch.from_numpy(places),
            "present": torch.from_numpy(frame.present_c),
            "agreement": torch.from_numpy(frame.agreement_c),
            "scale": torch.tensor(run.scale, dtype=torch.float32),
            "consensus": torch.from_numpy(box_maps(empty, frame.boxes, square)[1]),
            "truth": torch.from_numpy(truth),
            "edges": torch.tensor(to_edges(truth_box, square), dtype=torch.float32),
        }
        return mirrored(found) if torch.rand(()) < 0.5 else found

    @staticmethod
    def _about(box: Box) -> Box:
        """The true box, a little off: in use the crop lies about the mask found."""
        dx, dy, a, b = (0.05 * torch.randn(4)).tolist()
        w, h = box.w * float(np.exp(a)), box.h * float(np.exp(b))
        return Box(box.x + dx * box.w, box.y + dy * box.h, max(w, 2.0), max(h, 2.0))


def relation(common: Crop, other: Crop) -> tuple[float, float, float, float]:
    """Scale and shift along x and y from one crop to another, both as [-1, 1]."""
    out = []
    for a1, a2, b1, b2 in (
        (common.x1, common.x2, other.x1, other.x2),
        (common.y1, common.y2, other.y1, other.y2),
    ):
        out += [(a2 - a1) / (b2 - b1), ((a1 + a2) - (b1 + b2)) / (b2 - b1)]
    return out[0], out[1], out[2], out[3]


def mirrored(sample: JointBatch) -> JointBatch:
    """A sample seen in a mirror: left is right."""
    x1, y1, x2, y2 = sample["edges"]
    places = sample["places"] * torch.tensor([1.0, -1.0, 1.0, 1.0])
    return {
        **sample,
        "maps": sample["maps"].flip(-1),
        "places": places,
        "consensus": sample["consensus"].flip(-1),
        "truth": sample["truth"].flip(-1),
        "edges": torch.stack([1 - x2, y1, 1 - x1, y2]),
    }


def fine_tune(
    model: Joint,
    runs: Sequence[LearningRun],
    folder: Path,
    settings: TrainSettings = JOINT_TRAINING,
    *,
    stride: int = 1,
    extra: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Fine-tune all parts together.

    Args:
        model: Changed in place.
        runs: Of the tracker with the weights so far.
        folder: Of the run.
        settings: How to train.
        stride: Take every so many frames.
        extra: More that decides the outcome.
        progress: Called with the steps done and in all.
    """
    return train(
        model,
        JointSamples(runs, stride),
        joint_loss,
        settings,
        folder,
        extra={"stride": stride, "box_weight": BOX_WEIGHT, **(extra or {})},
        progress=progress,
    )
