"""D3S learns to segment: pairs of frames, and what is target and background in the second one.

Lukezic et al., CVPR 2020, section 4. The backbone stays as ImageNet made it, and the filter is
never trained: it learns on the spot. The small form has the features of MobileNetV2 for a backbone
and sees smaller crops, so that it learns within half an hour on a CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.storage import Progress
from spectrack.trackers.d3s.network import D3S, distance_maps
from spectrack.trackers.d3s.settings import D3SSettings
from spectrack.trackers.d3s.tracker import D3STracker
from spectrack.trackers.d3s.train_samples import PairSettings, SegmentationPairs
from spectrack.training.data.samples import Sample
from spectrack.training.held_out import box_overlaps
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.loop.trainer import TrainResult, train
from spectrack.weights.described import make_network, save_described
from spectrack.weights.files import read_weights
from spectrack.weights.load import find_weights, load_weights
from spectrack.weights.matching import compare, shapes_of

MEASURED = D3SSettings(device="cpu")
"""How held-out sequences are followed."""
LEARNED = "segm_predictor."
PREFIXES = ("", "feature_extractor.", "backbone.")
"""How names of a backbone may begin in a file."""

TRAINING = TrainSettings(
    epochs=40,
    batch_size=64,
    optimizer="adam",
    learning_rate=1e-3,
    weight_decay=0.0,
    schedule="step",
    schedule_every=15,
    schedule_factor=0.2,
    checkpoint_every=100,
    log_every=20,
)
"""As published; an epoch has a thousand steps."""


@dataclass(frozen=True, kw_only=True)
class D3SPlan:
    """How much of everything.

    Attributes:
        train: How to train.
        pairs: What pairs look like.
        samples: Pairs in an epoch.
        network: See :func:`~spectrack.weights.described.make_network`.
        backbone: Weights that the backbone starts from and keeps, a name or a file.
        videos: Share of pairs from videos; the others are of stills set in motion.
        clips: Made of stills.
        judged: Pairs of held-out videos that are judged after each epoch.
    """

    train: TrainSettings = TRAINING
    pairs: PairSettings = field(default_factory=PairSettings)
    samples: int = 64_000
    network: dict[str, Any]
    backbone: str
    videos: float = 1.0
    clips: int = 0
    judged: int = 192


def published_plan() -> D3SPlan:
    """The published training, on the videos that are given."""
    return D3SPlan(network={"kind": "d3s", "backbone": {"classes": 1000}}, backbone="resnet50")


def small_plan() -> D3SPlan:
    """The small form: MobileNetV2 as it is in the networks of masks in boxes, crops of 256 pixels.

    Most pairs are stills set in motion, as the videos at hand are few; boxes stand for masks far
    more often, as few pairs are seen.
    """
    return D3SPlan(
        train=replace(
            TRAINING,
            epochs=18,
            batch_size=16,
            learning_rate=4e-3,
            rates=(("segm_predictor.post0.1.", 20.0),),
            schedule="cosine",
            clip=10.0,
            amp="auto",
            checkpoint_every=20,
            log_every=10,
        ),
        pairs=PairSettings(side=256, box=0.1, flip=0.5, shown=1, frames=2),
        samples=1600,
        network={"kind": "d3s", "backbone": {"kind": "mobilenet_v2"}, "side": 256},
        backbone="mask_in_box",
        videos=0.5,
        clips=1200,
        judged=96,
    )


def fresh_network(plan: D3SPlan, seed: int) -> D3S:
    """A network with a backbone that knows pictures, and nothing else that does.

    Args:
        plan: Says which.
        seed: Decides the weights that are to learn.

    Raises:
        InputError: If the backbone's weights cannot be read or do not fit.
    """
    torch.manual_seed(seed)
    network = make_network(plan.network)
    assert isinstance(network, D3S)
    given = read_weights(find_weights(plan.backbone)).tensors
    own = shapes_of(network.feature_extractor.state_dict())
    tries = [
        {n.removeprefix(prefix): t for n, t in given.items() if n.startswith(prefix)}
        for prefix in PREFIXES
    ]
    tries = [{n: t for n, t in named.items() if n in own} for named in tries]
    best = min(tries, key=lambda named: len(compare(own, shapes_of(named))))
    differences = compare(own, shapes_of(best))
    if len(differences):
        raise InputError(
            f"weights {plan.backbone} do not fit the backbone, a "
            f"{type(network.feature_extractor).__name__}: {differences.text()}; give those of one"
        )
    network.feature_extractor.load_state_dict(best, strict=False)
    return network


def logits_of(network: D3S, batch: Sample) -> Tensor:
    """Logits (N, 2, S, S) of the second frames of pairs, on the network's device."""
    train, test = (network.normalise(batch[name]) for name in ("train", "test"))
    distance = distance_maps(batch["place"], test.shape[-1])
    return network(train, test, batch["train_mask"][:, None].float(), distance)


def pair_loss(network: nn.Module, batch: Sample) -> Tensor:
    """Cross entropy of both channels, target and background, mean over pixels.

    Args:
        network: On the batch's device.
        batch: Of :class:`~spectrack.trackers.d3s.train_samples.SegmentationPairs`, stacked.
    """
    assert isinstance(network, D3S)
    target = batch["test_mask"].float()
    truth = torch.stack((target, 1 - target), 1)
    return F.binary_cross_entropy_with_logits(logits_of(network, batch), truth)


@torch.no_grad()
def judge(network: D3S, pairs: SegmentationPairs, batch_size: int = 8) -> dict[str, float]:
    """How well a network does on fixed pairs.

    Args:
        network: In evaluation mode.
        pairs: With a seed, so that they are the same every time.
        batch_size: Pairs in memory together.

    Returns:
        ``J``: mean Jaccard of the masks in the crop, 1 where both are empty.
    """
    device = next(network.parameters()).device
    overlaps = []
    for start in range(0, len(pairs), batch_size):
        chosen = [pairs[i] for i in range(start, min(start + batch_size, len(pairs)))]
        batch = {name: torch.stack([one[name] for one in chosen]).to(device) for name in chosen[0]}
        logits, truth = logits_of(network, batch), batch["test_mask"] > 0
        hard = logits[:, 0] > logits[:, 1]
        both = (hard & truth).sum((1, 2)).float()
        either = (hard | truth).sum((1, 2)).float()
        overlaps.append(torch.where(either > 0, both / either.clamp_min(1), 1.0))
    return {"J": float(torch.cat(overlaps).mean())}


def learn_pairs(
    network: D3S,
    data: SegmentationPairs,
    held_out: SegmentationPairs | None,
    folder: Path,
    plan: D3SPlan,
    *,
    extra: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Learn, or go on where a run stopped.

    The backbone's weights stay; its normalisations count on, where it has any, as in the published
    training.

    Args:
        network: Changed in place.
        data: What to learn from.
        held_out: Fixed pairs, see :func:`judge`; where left out, the loss says what is best.
        folder: Of the run.
        plan: How much of everything.
        extra: More that decides the outcome.
        progress: Called with the steps done and in all.
    """
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.startswith(LEARNED))

    def validate(model: nn.Module) -> dict[str, float]:
        assert isinstance(model, D3S)
        assert held_out is not None
        return judge(model, held_out)

    return train(
        network,
        data,
        pair_loss,
        plan.train,
        folder,
        validate=None if held_out is None else validate,
        monitor="loss" if held_out is None else "J",
        best="min" if held_out is None else "max",
        extra={"pairs": asdict(plan.pairs), "network": plan.network, **(extra or {})},
        progress=progress,
    )


def learn_d3s(
    network: D3S,
    data: SegmentationPairs,
    judged: SegmentationPairs,
    held_out: Sequence[VideoSequence],
    file: Path,
    plan: D3SPlan,
    *,
    about: dict[str, Any],
    progress: Progress | None = None,
    watch: Progress | None = None,
) -> dict[str, Any]:
    """Learn, follow held-out sequences before and after, and write the best network.

    Args:
        network: What to start from; changed in place.
        data: What to learn from.
        judged: Fixed pairs of held-out videos.
        held_out: Sequences that nothing is learned from.
        file: Of the weights; the run goes to the folder ``learning`` beside it.
        plan: How much of everything.
        about: What to write into the file beside what came of it: data, terms.
        progress: Called with the steps done and in all.
        watch: Called with held-out sequences followed and in all, twice.

    Returns:
        ``followed``: mean box IoU of every held-out sequence ``before`` and ``after``; ``J`` of the
        judged pairs before, and after each epoch.
    """

    def followed() -> dict[str, float]:
        return box_overlaps(tracker_of(network), held_out, watch)

    before, start = followed(), judge(network.eval(), judged)["J"]
    folder = file.parent / "learning"
    result = learn_pairs(
        network, data, judged, folder, plan, extra={"backbone": plan.backbone}, progress=progress
    )
    load_weights(network, folder / "best.safetensors")
    network.eval()
    found = {
        "followed": {"before": before, "after": followed()},
        "J": [round(v, 4) for v in (start, *(one["J"] for one in result.history))],
    }
    save_described(file, network, plan.network, {**about, "held_out": found})
    return found


def tracker_of(network: D3S) -> D3STracker:
    """A tracker with a network, whose filter reads the same backbone."""
    return D3STracker(MEASURED, network.eval(), network)
