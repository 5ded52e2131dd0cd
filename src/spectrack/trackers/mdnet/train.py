"""MDNet learns over many videos: shared layers for all, and a branch of its own for each.

Nam and Han, CVPR 2016, section 3.2; the numbers are the published program's for the videos of VOT.
That starts from the convolutions of VGG-M, which knew ImageNet. The small network starts from
nothing and learns faster, with a rate that falls at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.storage import Progress
from spectrack.trackers.mdnet.learning import NEURONS
from spectrack.trackers.mdnet.network import MDNet, binary_loss
from spectrack.trackers.mdnet.settings import MDNetSettings
from spectrack.trackers.mdnet.tracker import MDNetTracker
from spectrack.trackers.mdnet.train_samples import BatchSettings, DomainBatches, only_batch
from spectrack.training.data.clips import Clip
from spectrack.training.data.samples import Sample
from spectrack.training.held_out import box_overlaps
from spectrack.training.loop.settings import TrainSettings
from spectrack.training.loop.trainer import TrainResult, train
from spectrack.weights.described import save_described
from spectrack.weights.files import read_weights
from spectrack.weights.load import find_weights
from spectrack.weights.matching import compare, shapes_of

CONVOLUTIONS, SHARED = "layers.conv", "layers."
MEASURED = MDNetSettings(device="cpu")
"""How held-out sequences are followed."""
BIAS = 0.1
"""Fresh bias of fc4 and fc5."""

TRAINING = TrainSettings(
    epochs=50,
    batch_size=1,
    optimizer="sgd",
    learning_rate=1e-4,
    rates=(("layers.fc", 10.0), ("branches.", 10.0)),
    weight_decay=5e-4,
    schedule="none",
    clip=10.0,
    checkpoint_every=100,
    log_every=10,
)
"""As published; an epoch is a cycle of one mini-batch a video."""
BATCHES = BatchSettings()


@dataclass(frozen=True, kw_only=True)
class MDNetPlan:
    """How much of everything.

    Attributes:
        train: How to train.
        batches: What mini-batches are.
        widths: Maps of the network's convolutions.
        hidden: Neurons of its fully connected layers.
    """

    train: TrainSettings = TRAINING
    batches: BatchSettings = BATCHES
    widths: tuple[int, int, int] = (96, 256, 512)
    hidden: int = 512

    @property
    def network(self) -> dict[str, Any]:
        """The shared layers, for a file of their weights."""
        return {"kind": "mdnet", "widths": list(self.widths), "hidden": self.hidden}


SMALL = MDNetPlan(
    train=replace(TRAINING, epochs=100, learning_rate=1e-3, schedule="cosine"),
    widths=(16, 32, 64),
    hidden=64,
)
"""A sixteenth of the work for a patch."""


def fresh_network(plan: MDNetPlan, domains: int, seed: int) -> MDNet:
    """A network that knows nothing.

    Args:
        plan: Says how large it is.
        domains: Branches.
        seed: Decides its weights.
    """
    chance = torch.Generator().manual_seed(seed)
    network = MDNet(domains, plan.widths, plan.hidden)
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, generator=chance)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        elif isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=NEURONS, generator=chance)
            nn.init.constant_(layer.bias, BIAS if name.startswith(SHARED) else 0.0)
    return network


def start_from(network: MDNet, weights: str) -> None:
    """Give a network the convolutions of a file, and fc4 and fc5 where the file has them.

    Args:
        network: Changed in place.
        weights: Weights by name, or a file; names may lack their first part, ``layers.``.

    Raises:
        InputError: If the file cannot be read, or lacks a convolution, or is of another shape.
    """
    given = read_weights(find_weights(weights)).tensors
    named = {n if n.startswith(SHARED) else SHARED + n: t for n, t in given.items()}
    own = {n: t for n, t in network.state_dict().items() if n.startswith(SHARED)}
    known = {n: t for n, t in named.items() if n in own}
    if not any(not n.startswith(CONVOLUTIONS) for n in known):
        own = {n: t for n, t in own.items() if n.startswith(CONVOLUTIONS)}
    differences = compare(shapes_of(own), shapes_of(known))
    if len(differences):
        raise InputError(
            f"weights {weights} do not fit MDNet: {differences.text()}; give its shared layers, or "
            "the three convolutions of VGG-M under the same names"
        )
    network.load_state_dict(known, strict=False)


def domain_loss(network: nn.Module, batch: Sample) -> Tensor:
    """Loss of a mini-batch by the branch of its domain.

    Args:
        network: On the batch's device.
        batch: Of :class:`~spectrack.trackers.mdnet.train_samples.DomainBatches`.
    """
    assert isinstance(network, MDNet)
    patches = batch["patches"].to(torch.float32, memory_format=torch.channels_last)
    scores = network(patches, int(batch["domain"]))
    count = int(batch["positives"])
    return binary_loss(scores[:count], scores[count:])


def learn_domains(
    network: MDNet,
    clips: Sequence[Clip],
    folder: Path,
    plan: MDNetPlan,
    *,
    extra: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Learn, or go on where a run stopped.

    Args:
        network: With a branch for every clip; changed in place.
        clips: The domains.
        folder: Of the run.
        plan: How much of everything.
        extra: More that decides the outcome.
        progress: Called with the steps done and in all.

    Raises:
        InputError: If there is nothing to learn from, or as
            :func:`spectrack.training.loop.trainer.train`.
    """
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return train(
        network,
        DomainBatches(clips, plan.batches),
        domain_loss,
        plan.train,
        folder,
        extra={"batches": asdict(plan.batches), "network": plan.network, **(extra or {})},
        collate=only_batch,
        progress=progress,
    )


def shared_layers(network: MDNet, plan: MDNetPlan) -> MDNet:
    """What a tracker needs of a network: a copy without branches, on the CPU."""
    tracked = MDNet(0, plan.widths, plan.hidden)
    state = network.state_dict()
    tracked.load_state_dict({n: t.cpu() for n, t in state.items() if n.startswith(SHARED)})
    return tracked.eval()


def learn_shared(
    network: MDNet,
    clips: Sequence[Clip],
    held_out: Sequence[VideoSequence],
    file: Path,
    plan: MDNetPlan,
    *,
    about: dict[str, Any],
    extra: dict[str, Any] | None = None,
    progress: Progress | None = None,
    watch: Progress | None = None,
) -> dict[str, dict[str, float]]:
    """Learn, follow held-out sequences before and after, and write the shared layers.

    Args:
        network: What to start from, with a branch for every clip; changed in place.
        clips: The domains.
        held_out: Sequences that nothing is learned from.
        file: Of the weights; the run goes to the folder ``learning`` beside it.
        plan: How much of everything.
        about: What to write into the file beside what came of it: data, terms.
        extra: More that decides the outcome.
        progress: Called with the steps done and in all.
        watch: Called with held-out sequences followed and in all, twice.

    Returns:
        Mean box IoU of every held-out sequence ``before`` and ``after``.

    Raises:
        InputError: As :func:`learn_domains`.
    """

    def measured() -> dict[str, float]:
        tracker = MDNetTracker(MEASURED, shared_layers(network, plan))
        return box_overlaps(tracker, held_out, watch)

    found = {"before": measured()}
    learn_domains(network, clips, file.parent / "learning", plan, extra=extra, progress=progress)
    found["after"] = measured()
    learned = shared_layers(network, plan)
    save_described(file, learned, plan.network, {**about, "held_out": found})
    return found
