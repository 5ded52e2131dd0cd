"""Pixel-wise tracking learns: the iterative optimisation of section 5.1, in five stages.

1. Videos are split in halves, and a local network learns on each, with regions from the truth.
2. The global network learns on true maps, dilated less and less.
3. Each half is followed with the local network of the other one: maps as they are online.
4. The global network learns on, on those maps.
5. The videos are followed with the updated global network, and the local network learns on the
   regions that it placed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spectrack.datasets.synthetic.stills import Still
from spectrack.errors import InputError
from spectrack.storage import Progress
from spectrack.trackers.pixelwise.network import Pixelwise
from spectrack.trackers.pixelwise.settings import NETWORKS, PixelwiseSettings
from spectrack.trackers.pixelwise.train_footage import Footage
from spectrack.trackers.pixelwise.train_losses import GlobalLoss
from spectrack.trackers.pixelwise.train_maps import MapSettings, maps_of
from spectrack.trackers.pixelwise.train_networks import learn_global, learn_local
from spectrack.trackers.pixelwise.train_regions import LocalSamples, RegionSettings
from spectrack.trackers.pixelwise.train_runs import Followed, follow_all
from spectrack.training.loop.settings import TrainSettings
from spectrack.weights.described import make_network, save_described

Stage = Callable[[str, str], Progress]

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
    early_stop=5,
)
LOCAL_AT_LAST = replace(LOCAL, epochs=20, early_stop=None, learning_rate=6e-4)
GLOBAL = replace(LOCAL, epochs=2, batch_size=8, early_stop=None)
GLOBAL_AGAIN = replace(GLOBAL, epochs=4, learning_rate=5e-4)
FRAMES = 32
"""Predictions in a row (section 4)."""


@dataclass(frozen=True, kw_only=True)
class PixelwisePlan:
    """How much of everything.

    Attributes:
        network: See :func:`~spectrack.weights.described.make_network`.
        halves: How both local networks of stage 1 learn.
        local: How the local network learns in stage 5.
        local_steps: Of an epoch, in both.
        judged: Samples of the other half that decide when stage 1 ends.
        regions: What the local network's samples are.
        true_maps: How the global network learns in stage 2, with each dilation,
        predicted_maps: and in stage 4.
        global_steps: Of an epoch, in both.
        dilations: Squares that true maps are grown by, one after the other.
        maps: What the global network's samples are.
        loss: Of the global network.
        follow: How videos are followed in stages 3 and 5.
        seed: Of everything.
    """

    network: dict[str, Any]
    halves: TrainSettings = LOCAL
    local: TrainSettings = LOCAL_AT_LAST
    local_steps: int = 100
    judged: int = 16
    regions: RegionSettings = field(default_factory=RegionSettings)
    true_maps: TrainSettings = GLOBAL
    predicted_maps: TrainSettings = GLOBAL_AGAIN
    global_steps: int = 80
    dilations: tuple[int, ...] = (9, 5, 1)
    maps: MapSettings = field(default_factory=MapSettings)
    loss: GlobalLoss = field(default_factory=GlobalLoss)
    follow: PixelwiseSettings = field(default_factory=PixelwiseSettings)
    seed: int = 0


def small_plan(seed: int = 0) -> PixelwisePlan:
    """The small form: two hours on two cores; short clips, half of them of stills."""
    network = NETWORKS["small"]
    return PixelwisePlan(
        network=network,
        regions=RegionSettings(side=network["side"], frames=8, stills=0.5),
        maps=MapSettings(side=network["map_side"]),
        seed=seed,
    )


def paper_plan(seed: int = 0) -> PixelwisePlan:
    """Table 1's sizes, and the paper's numbers where it names them: days, or a GPU."""
    halves = replace(LOCAL, epochs=60)
    return PixelwisePlan(
        network=NETWORKS["paper"],
        halves=halves,
        local=replace(halves, epochs=100, early_stop=None),
        local_steps=1000,
        true_maps=replace(GLOBAL, epochs=10),
        predicted_maps=replace(GLOBAL, epochs=10, learning_rate=5e-4),
        global_steps=1000,  # ten thousand iterations with each dilation (section 5.1)
        seed=seed,
    )


def pixelwise(
    footage: Sequence[Footage],
    backbone: Mapping[str, Tensor] | None,
    folder: Path,
    plan: PixelwisePlan,
    *,
    stills: Sequence[Still] = (),
    about: dict[str, Any] | None = None,
    stage: Stage | None = None,
) -> Pixelwise:
    """Learn all five stages; see the module's text.

    A run that was stopped goes on when called again with the same arguments.

    Args:
        footage: Videos to learn from, at least two.
        backbone: Weights that the extractor starts with, and keeps; None leaves it random.
        folder: Of the run; ``pixelwise.safetensors`` in it is for the tracker.
        plan: How much of everything.
        stills: Of which clips are made, where the plan wants some.
        about: More to write into the file: data, terms.
        stage: Called with the name of each stage and what it counts.

    Returns:
        The network, as it is in the file.

    Raises:
        InputError: If there is too little data, or as
            :func:`spectrack.training.loop.trainer.train`.
    """
    if len(footage) < 2:
        raise InputError(f"{len(footage)} videos were given; give two or more to split in halves")
    tell = stage or (lambda name, unit: lambda done, total: None)
    order = np.random.default_rng(plan.seed).permutation(len(footage))
    halves = [[footage[int(n)] for n in order[first::2]] for first in (0, 1)]
    networks = [_fresh(plan, backbone, plan.seed + n) for n in range(2)]
    scores: dict[str, Any] = {}
    for number, network in enumerate(networks):
        scores[f"local {number + 1}"] = learn_local(
            network.local_segmentation,
            _regions(plan, halves[number], stills),
            folder / f"1-local-{number + 1}",
            _seeded(plan, plan.halves, 10 + number),
            held_out=LocalSamples(
                halves[1 - number], plan.judged, plan.regions.fixed(), seed=plan.seed
            ),
            progress=tell(f"1: local network, half {number + 1}", "steps"),
        ).history
    final, other = networks
    attention = final.global_attention
    truths = {one.name: maps_of(one, plan.maps.side) for one in footage}
    for dilation in plan.dilations:
        scores[f"global {dilation}"] = learn_global(
            attention,
            list(truths.values()),
            folder / f"2-global-{dilation}",
            _seeded(plan, plan.true_maps, 20 + dilation),
            replace(plan.maps, dilation=dilation),
            plan.loss,
            plan.global_steps,
            progress=tell(f"2: global network, dilation {dilation}", "steps"),
        ).history
    other.global_attention.load_state_dict(attention.state_dict())
    followed = _cross(networks, halves, folder / "3-maps", plan, tell, "3: following")
    scores["global predicted"] = learn_global(
        attention,
        [followed[name].clip(truth) for name, truth in truths.items()],
        folder / "4-global",
        _seeded(plan, plan.predicted_maps, 40),
        plan.maps,
        plan.loss,
        plan.global_steps,
        progress=tell("4: global network on predicted maps", "steps"),
    ).history
    other.global_attention.load_state_dict(attention.state_dict())
    followed = _cross(networks, halves, folder / "5-regions", plan, tell, "5: following")
    paths = {name: one.regions_t3 for name, one in followed.items()}
    scores["local"] = learn_local(
        final.local_segmentation,  # goes on from what it learned on its half
        _regions(plan, footage, stills, paths),
        folder / "5-local",
        _seeded(plan, plan.local, 50),
        progress=tell("5: local network", "steps"),
    ).history
    notes = {"plan": asdict(plan), "history": scores, **(about or {})}
    save_described(folder / "pixelwise.safetensors", final, plan.network, notes)
    return final.eval()


def _fresh(plan: PixelwisePlan, backbone: Mapping[str, Tensor] | None, seed: int) -> Pixelwise:
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        network = make_network(plan.network)
    assert isinstance(network, Pixelwise)
    if backbone is not None:
        network.local_segmentation.extractor.take(backbone)
    return network


def _regions(
    plan: PixelwisePlan,
    footage: Sequence[Footage],
    stills: Sequence[Still],
    paths: Mapping[str, Any] | None = None,
) -> LocalSamples:
    count = plan.local_steps * plan.local.batch_size
    return LocalSamples(footage, count, plan.regions, stills, paths)


def _seeded(plan: PixelwisePlan, settings: TrainSettings, number: int) -> TrainSettings:
    return replace(settings, seed=100 * plan.seed + number)


def _cross(
    networks: Sequence[Pixelwise],
    halves: Sequence[Sequence[Footage]],
    folder: Path,
    plan: PixelwisePlan,
    tell: Stage,
    name: str,
) -> dict[str, Followed]:
    """Each half followed by the network that has not seen it."""
    found: dict[str, Followed] = {}
    for number, half in enumerate(halves):
        found |= follow_all(
            half,
            networks[1 - number],
            folder,
            1 + plan.maps.frames,
            plan.follow,
            progress=tell(f"{name}, half {number + 1}", "videos"),
        )
    return found
