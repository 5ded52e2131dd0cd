"""Pixel-wise tracking learns: the iterative optimisation of section 5.1, in five stages.

1. Videos are split in halves, and a local network learns on each, with regions from the truth.
2. The global network learns on true maps, dilated less and less.
3. Each half is followed with the local network of the other one: maps as they are online.
4. The global network learns on, on those maps.
5. The videos are followed with the updated global network, and the local network learns on the
   regions that it placed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from spectrack.datasets.synthetic.stills import Still
from spectrack.errors import InputError
from spectrack.trackers.pixelwise.network import Pixelwise
from spectrack.trackers.pixelwise.train_first import (
    FirstStages,
    Stage,
    in_halves,
    regions_of,
    seeded,
)
from spectrack.trackers.pixelwise.train_footage import Footage
from spectrack.trackers.pixelwise.train_maps import maps_of
from spectrack.trackers.pixelwise.train_networks import learn_global, learn_local
from spectrack.trackers.pixelwise.train_plan import PixelwisePlan
from spectrack.trackers.pixelwise.train_runs import Followed, follow_all
from spectrack.weights.described import save_described


def pixelwise(
    footage: Sequence[Footage],
    backbone: Mapping[str, Tensor] | None,
    folder: Path,
    plan: PixelwisePlan,
    *,
    stills: Sequence[Still] = (),
    about: dict[str, Any] | None = None,
    stage: Stage | None = None,
    jobs: int = 1,
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
        jobs: So many trainings of stages 1 and 2 at a time, each in a process of its own where it
            is more than one; see :mod:`spectrack.trackers.pixelwise.train_first`.

    Returns:
        The network, as it is in the file.

    Raises:
        InputError: If there is too little data, or as
            :func:`spectrack.training.loop.trainer.train`.
    """
    if len(footage) < 2:
        raise InputError(f"{len(footage)} videos were given; give two or more to split in halves")
    tell = stage or (lambda name, unit: lambda done, total: None)
    halves = in_halves(footage, plan.seed)
    first = FirstStages(footage, halves, backbone, folder, plan, stills)
    if jobs > 1:
        first.ahead(jobs, tell)
    networks = [first.fresh(number) for number in range(2)]
    scores: dict[str, Any] = {
        f"local {number + 1}": first.learn_half(number, network, tell)
        for number, network in enumerate(networks)
    }
    final, other = networks
    attention = final.global_attention
    scores |= first.learn_true_maps(final, tell)
    truths = {one.name: maps_of(one, plan.maps.side) for one in footage}
    other.global_attention.load_state_dict(attention.state_dict())
    followed = _cross(networks, halves, folder / "3-maps", plan, tell, "3: following")
    scores["global predicted"] = learn_global(
        attention,
        [followed[name].clip(truth) for name, truth in truths.items()],
        folder / "4-global",
        seeded(plan, plan.predicted_maps, 40),
        plan.maps,
        plan.global_loss,
        plan.global_steps,
        progress=tell("4: global network on predicted maps", "steps"),
    ).history
    other.global_attention.load_state_dict(attention.state_dict())
    followed = _cross(networks, halves, folder / "5-regions", plan, tell, "5: following")
    paths = {name: one.regions_t3 for name, one in followed.items()}
    scores["local"] = learn_local(
        final.local_segmentation,  # goes on from what it learned on its half
        regions_of(plan, footage, stills, paths),
        folder / "5-local",
        seeded(plan, plan.local, 50),
        loss=plan.local_loss,
        progress=tell("5: local network", "steps"),
    ).history
    notes = {"plan": asdict(plan), "history": scores, **(about or {})}
    save_described(folder / "pixelwise.safetensors", final, plan.network, notes)
    return final.eval()


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
