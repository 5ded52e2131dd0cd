"""How much pixel-wise tracking learns of everything: the paper's plan, and one for two cores."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from spectrack.trackers.pixelwise.settings import NETWORKS, PixelwiseSettings
from spectrack.trackers.pixelwise.train_losses import GlobalLoss, LocalLoss
from spectrack.trackers.pixelwise.train_maps import MapSettings
from spectrack.trackers.pixelwise.train_regions import RegionSettings
from spectrack.training.loop.settings import TrainSettings

LOCAL = TrainSettings(
    epochs=14,
    batch_size=4,
    learning_rate=1e-3,
    weight_decay=1e-4,
    schedule="cosine",
    amp="auto",
    clip=1.0,
    workers=1,
    checkpoint_every=50,
    log_every=10,
)
LOCAL_AT_LAST = replace(LOCAL, epochs=20, learning_rate=6e-4)
GLOBAL = replace(LOCAL, epochs=2, batch_size=8)
GLOBAL_AGAIN = replace(GLOBAL, epochs=4, learning_rate=5e-4)


@dataclass(frozen=True, kw_only=True)
class PixelwisePlan:
    """How much of everything.

    Attributes:
        network: See :func:`~spectrack.weights.described.make_network`.
        halves: How both local networks of stage 1 learn.
        local: How the local network learns in stage 5.
        local_steps: Of an epoch, in both.
        judged: Samples of the other half that decide which weights of stage 1 are kept.
        regions: What the local network's samples are.
        local_loss: Of the local network.
        true_maps: How the global network learns in stage 2, with each dilation,
        predicted_maps: and in stage 4.
        global_steps: Of an epoch, in both.
        dilations: Squares that true maps are grown by, one after the other.
        maps: What the global network's samples are.
        global_loss: Of the global network.
        follow: How videos are followed in stages 3 and 5.
        seed: Of everything.
    """

    network: dict[str, Any]
    halves: TrainSettings = LOCAL
    local: TrainSettings = LOCAL_AT_LAST
    local_steps: int = 100
    judged: int = 16
    regions: RegionSettings = field(default_factory=RegionSettings)
    local_loss: LocalLoss = field(default_factory=LocalLoss)
    true_maps: TrainSettings = GLOBAL
    predicted_maps: TrainSettings = GLOBAL_AGAIN
    global_steps: int = 80
    dilations: tuple[int, ...] = (9, 5, 1)
    maps: MapSettings = field(default_factory=MapSettings)
    global_loss: GlobalLoss = field(default_factory=GlobalLoss)
    follow: PixelwiseSettings = field(default_factory=PixelwiseSettings)
    seed: int = 0


def small_plan(seed: int = 0) -> PixelwisePlan:
    """The small form, for two cores: short clips, most of them of stills, for their variety."""
    network = NETWORKS["small"]
    return PixelwisePlan(
        network=network,
        halves=replace(LOCAL, epochs=6),
        local=replace(LOCAL_AT_LAST, epochs=8),
        local_loss=LocalLoss(overlap=1.0),
        regions=RegionSettings(side=network["side"], frames=8, stills=0.8),
        maps=MapSettings(side=network["map_side"]),
        seed=seed,
    )


def paper_plan(seed: int = 0) -> PixelwisePlan:
    """Table 1's sizes, and the paper's numbers where it names them: days, or a GPU."""
    halves = replace(LOCAL, epochs=60)
    return PixelwisePlan(
        network=NETWORKS["paper"],
        halves=halves,
        local=replace(halves, epochs=100),
        local_steps=1000,
        true_maps=replace(GLOBAL, epochs=10),
        predicted_maps=replace(GLOBAL, epochs=10, learning_rate=5e-4),
        global_steps=1000,  # ten thousand iterations with each dilation (section 5.1)
        seed=seed,
    )
