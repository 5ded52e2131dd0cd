"""Stages 1 and 2: trainings that need nothing of each other, one after the other or side by side.

Side by side they are done ahead of the run: each by a process of its own, with all draws decided by
seeds of its own. The run then finds them finished. They share the threads, so that it comes to the
same bytes as one by one on as few; on another number of threads sums differ in their last bits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spectrack.datasets.synthetic.stills import Still
from spectrack.storage import Progress
from spectrack.trackers.pixelwise.network import Pixelwise
from spectrack.trackers.pixelwise.train_footage import Footage
from spectrack.trackers.pixelwise.train_maps import maps_of
from spectrack.trackers.pixelwise.train_networks import learn_global, learn_local
from spectrack.trackers.pixelwise.train_plan import PixelwisePlan
from spectrack.trackers.pixelwise.train_regions import LocalSamples
from spectrack.training.loop.settings import TrainSettings
from spectrack.weights.described import make_network
from spectrack.workers import each

Stage = Callable[[str, str], Progress]
History = list[dict[str, float]]
"""One entry an epoch; see :class:`~spectrack.training.loop.trainer.TrainResult`."""
TRUE_MAPS = "true maps"
LOOK_S = 2.0
"""Seconds between two looks at how far trainings in other processes are."""


@dataclass(frozen=True, eq=False)
class FirstStages:
    """What stages 1 and 2 are done with.

    Attributes:
        footage: All videos.
        halves: The same in two halves.
        backbone: See :func:`~spectrack.trackers.pixelwise.train.pixelwise`.
        folder: Of the run.
        plan: How much of everything.
        stills: See there.
    """

    footage: Sequence[Footage]
    halves: Sequence[Sequence[Footage]]
    backbone: Mapping[str, Tensor] | None
    folder: Path
    plan: PixelwisePlan
    stills: Sequence[Still]

    def fresh(self, number: int) -> Pixelwise:
        """The first or second network before it has learned."""
        with torch.random.fork_rng([]):
            torch.manual_seed(self.plan.seed + number)
            network = make_network(self.plan.network)
        assert isinstance(network, Pixelwise)
        if self.backbone is not None:
            network.local_segmentation.extractor.take(self.backbone)
        return network

    def learn_half(self, number: int, network: Pixelwise, stage: Stage) -> History:
        """Stage 1 of a half; its history."""
        plan, other = self.plan, self.halves[1 - number]
        return learn_local(
            network.local_segmentation,
            regions_of(plan, self.halves[number], self.stills),
            self.folder / f"1-local-{number + 1}",
            seeded(plan, plan.halves, 10 + number),
            loss=plan.local_loss,
            held_out=LocalSamples(other, plan.judged, plan.regions.fixed(), seed=plan.seed),
            progress=stage(f"1: local network, half {number + 1}", "steps"),
        ).history

    def learn_true_maps(
        self, network: Pixelwise, stage: Stage
    ) -> dict[str, list[dict[str, float]]]:
        """Stage 2; the history of each dilation."""
        plan, history = self.plan, {}
        truths = [maps_of(one, plan.maps.side) for one in self.footage]
        for dilation in plan.dilations:
            history[f"global {dilation}"] = learn_global(
                network.global_attention,
                truths,
                self.folder / f"2-global-{dilation}",
                seeded(plan, plan.true_maps, 20 + dilation),
                replace(plan.maps, dilation=dilation),
                plan.global_loss,
                plan.global_steps,
                progress=stage(f"2: global network, dilation {dilation}", "steps"),
            ).history
        return history

    def ahead(self, jobs: int, stage: Stage) -> None:
        """Both halves and the true maps, in so many processes at a time.

        Raises:
            InputError: If a process died, or as :func:`spectrack.training.loop.trainer.train`.
        """
        plan = self.plan
        whole = 2 * plan.halves.epochs * plan.local_steps
        whole += len(plan.dilations) * plan.true_maps.epochs * plan.global_steps
        told = stage("1 and 2: both local networks, and the global one", "steps")
        work = {name: (self, name) for name in ("0", TRUE_MAPS, "1")}
        with _watched(self.folder, whole, told):
            list(each(_learn_ahead, work, jobs, threads=max(torch.get_num_threads() // jobs, 1)))


def _learn_ahead(job: tuple[FirstStages, str]) -> None:
    """In a process of its own."""
    stages, name = job
    if name == TRUE_MAPS:
        stages.learn_true_maps(stages.fresh(0), _silent)
    else:
        stages.learn_half(int(name), stages.fresh(int(name)), _silent)


def _silent(name: str, unit: str) -> Progress:
    return lambda done, total: None


@contextmanager
def _watched(folder: Path, whole: int, told: Progress) -> Iterator[None]:
    """Tell how many steps the logs of trainings have, for as long as a block lasts."""
    over = Event()

    def watch() -> None:
        while not over.wait(LOOK_S):
            told(steps_done(folder), whole)

    thread = Thread(target=watch, name="spectrack-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def steps_done(folder: Path) -> int:
    """Steps of all trainings of stages 1 and 2 in a run's folder, by their logs."""
    done = 0
    for file in [*folder.glob("1-local-*/log.jsonl"), *folder.glob("2-global-*/log.jsonl")]:
        last = file.read_text(encoding="utf-8").rstrip().rpartition("\n")[2]
        try:
            done += int(json.loads(last)["step"])
        except (ValueError, KeyError, TypeError):
            continue  # nothing is written yet, or a line is being written
    return done


def in_halves(footage: Sequence[Footage], seed: int) -> list[list[Footage]]:
    """Videos in two halves, drawn by a seed."""
    order = np.random.default_rng(seed).permutation(len(footage))
    return [[footage[int(n)] for n in order[first::2]] for first in (0, 1)]


def regions_of(
    plan: PixelwisePlan,
    footage: Sequence[Footage],
    stills: Sequence[Still],
    paths: Mapping[str, Any] | None = None,
) -> LocalSamples:
    """What a local network learns from."""
    count = plan.local_steps * plan.local.batch_size
    return LocalSamples(footage, count, plan.regions, stills, paths)


def seeded(plan: PixelwisePlan, settings: TrainSettings, number: int) -> TrainSettings:
    """How a training learns whose number is this."""
    return replace(settings, seed=100 * plan.seed + number)
