"""Table 5 of the SFSeg++ paper: learned ensembles, tested on sequences they have not seen.

    python experiments/sfsegpp/table5_networks.py [--root DAVIS] [--quick]

Two processes with one thread each; a network in a fold is one task. Finished parts are kept in
``scratch/table5`` until the page is written, so a run that was stopped goes on. With ``--nets``
only those are trained, and the rows of the others are taken from the page that is there.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from multiprocessing import get_context
from pathlib import Path
from time import process_time
from typing import Any

import cv2
import numpy as np
import torch
from matplotlib.figure import Figure

from spectrack.networks.ensembles import ENSEMBLES, Ensemble, build

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import BLUE, GREY, INK, RED, ROOT, Page, arguments, mean_j, plt
from experiments.sfsegpp.channels import CHANNELS, Clip, load_clip, names
from experiments.sfsegpp.network_data import (
    FRAMES,
    TILE,
    Crops,
    apply_ensemble,
    crops_of,
    mean_logits,
    scale_of,
)
from experiments.sfsegpp.network_training import CROPS, EPOCHS, PLANS, Plan, fit

Job = Callable[..., dict[str, Any]]

PAPER = {
    "unet3d_large": 85.4,
    "unet3d_small": 85.4,
    "unet2d": 83.9,
    "shallow2": 84.8,
    "shallow3": 84.0,
    "shallow4": 85.5,
    "SFSeg++": 86.6,
}
DECAY = 5e-2
TRIED = dict.fromkeys(ENSEMBLES, (0.01, 0.001)) | {"shallow2": (1e-3, 1e-4, 1e-5)}
"""Learning rates of the paper's grid that are compared, all with this L2."""
IN_PAIRS = ("unet3d_small", "unet3d_large")
"""Networks that are trained five times, each time without two sequences, as they take longest."""
SCRATCH = ROOT / "scratch" / "table5"
QUICK_NETS, QUICK_FRAMES, QUICK_STEPS = ("unet2d", "shallow4"), 10, 10


@dataclass(frozen=True)
class Setup:
    """Where the data are, and how much of them is used."""

    root: Path
    kept: Path
    frames: int | None
    steps: int | None
    inner_every: int

    def plan(self, net: str, rate: float, decay: float) -> Plan:
        """How a network is trained."""
        plan = replace(PLANS[net], rate=rate, decay=decay)
        return replace(plan, steps=self.steps) if self.steps else plan


@lru_cache(1)
def clip_of(setup: Setup, name: str) -> Clip:
    """A sequence; the last one read is kept."""
    return load_clip(setup.root, name, most=setup.frames)


def kind_of(net: Ensemble) -> tuple[int, int]:
    """What decides how crops are cut: the size of the frames and how many are answered."""
    return scale_of(net), net.answers


@cache
def bank(setup: Setup, name: str) -> dict[tuple[int, int], Crops]:
    """Training samples of a sequence for each kind of network, cut once a process."""
    nets = {kind_of(net): net for net in (build(n, len(CHANNELS), FRAMES) for n in ENSEMBLES)}
    seed = sum(name.encode())
    return {kind: crops_of(clip_of(setup, name), net, CROPS, seed) for kind, net in nets.items()}


def trained(setup: Setup, net: str, plan: Plan, sequences: Sequence[str], run: str) -> Ensemble:
    """A network trained on some sequences."""
    kind = kind_of(build(net, len(CHANNELS), FRAMES))
    return fit(net, [bank(setup, name)[kind] for name in sequences], plan, setup.kept / run)


def score(setup: Setup, net: Ensemble, name: str, every: int = 1) -> float:
    """J of a sequence in percent; the first and the last frame that are answered do not count."""
    clip = clip_of(setup, name)
    soft = apply_ensemble(net, clip.channels_tchw, every)
    return mean_j(soft >= 0.5, clip.truth_thw[::every])


def compare(setup: Setup, net: str, sequences: Sequence[str]) -> dict[str, Any]:
    """Learning rates on one inner split: train on all but three of the sequences, test on those."""
    held, rest = sequences[: len(sequences) // 3 or 1], sequences[len(sequences) // 3 or 1 :]
    tries = []
    for rate in TRIED[net]:
        plan = setup.plan(net, rate, DECAY)
        made = trained(setup, net, plan, rest, f"choice_{net}_{rate:g}_{DECAY:g}")
        j = float(np.mean([score(setup, made, name, every=setup.inner_every) for name in held]))
        tries.append({"rate": rate, "decay": DECAY, "J": j})
    return {"net": net, "held": list(held), "tries": tries}


def fold(
    setup: Setup, net: str, rate: float, decay: float, name: str, held: list[str], rest: list[str]
) -> dict:
    """J of one sequence by a network trained on those that are not held out."""
    begin = process_time()
    made = trained(setup, net, setup.plan(net, rate, decay), rest, f"{net}_{'+'.join(held)}")
    seconds = process_time() - begin
    return {"net": net, "sequence": name, "J": score(setup, made, name), "seconds": seconds}


def held_out(net: str, sequences: list[str], name: str) -> list[str]:
    """What is left out of training to test on a sequence: two at a time for slow networks."""
    if net not in IN_PAIRS or len(sequences) < 4:
        return [name]
    first = sequences.index(name) // 2 * 2
    return sequences[first : first + 2]


def one_thread() -> None:
    """Two processes share two cores."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def run_all(pool: Executor, work: Job, asked: list[tuple], log: Path) -> list[dict]:
    """Results of all tasks in their order; those of a run that was stopped are read."""
    kept = {} if not log.exists() else dict(map(json.loads, log.read_text().splitlines()))
    tasks = {pool.submit(work, *a): str(a[1:]) for a in asked if str(a[1:]) not in kept}
    for task in as_completed(tasks):
        kept[tasks[task]] = task.result()
        print(tasks[task], task.result(), flush=True)
        with log.open("a") as file:
            file.write(json.dumps([tasks[task], task.result()]) + "\n")
    return [kept[str(a[1:])] for a in asked]


def plain(setup: Setup, name: str) -> dict[str, float]:
    """J of the mean and of the best single method."""
    clip = clip_of(setup, name)
    mean = np.stack([mean_logits(frame) >= 0 for frame in clip.channels_tchw])
    best = clip.channels_tchw[:, CHANNELS.index("matnet")] > 0
    return {"mean": mean_j(mean, clip.truth_thw), "matnet": mean_j(best, clip.truth_thw)}


def ours(out: Path) -> tuple[float, int] | None:
    """J and parameters of SFSeg++, if its experiment was run."""
    file = out / "sfsegpp" / "table6_fusion.json"
    facts = json.loads(file.read_text()) if file.exists() else {}
    found = (facts.get("J", {}).get("SFSeg++"), facts.get("parameters", {}).get("SFSeg++"))
    return None if None in found else found


def earlier(out: Path, nets: Sequence[str]) -> dict[str, Any]:
    """Facts of the page that is there, of the networks that are not trained now."""
    file = out / "sfsegpp" / "table5_networks.json"
    if set(nets) == set(ENSEMBLES) or not file.exists():
        return {"J_by_sequence": {}, "seconds": {}, "choices": [], "parameters": {}}
    facts = json.loads(file.read_text())
    others = [net for net in ENSEMBLES if net not in nets and net in facts["J_by_sequence"]]
    kept = {k: {n: facts[k][n] for n in others} for k in ("J_by_sequence", "seconds", "parameters")}
    commit = facts["made"]["commit"]
    text = f"Rows of {', '.join(f'`{n}`' for n in others)} are those of commit {commit}."
    return {**kept, "choices": [c for c in facts["choices"] if c["net"] in others], "text": text}


def plot(scores: dict[str, float]) -> Figure:
    """J of every ensemble, beside the paper's."""
    figure, axes = plt.subplots(figsize=(7.2, 2.8))
    at = np.arange(len(scores))
    colors = [RED if n == "SFSeg++" else BLUE if n in ENSEMBLES else GREY for n in scores]
    axes.bar(at, list(scores.values()), 0.6, color=colors)
    quoted = [PAPER.get(n, np.nan) for n in scores]
    axes.plot(at, quoted, "_", color=INK, ms=22, label="paper: 15 methods, 20 sequences")
    known = [*scores.values(), *(q for q in quoted if q == q)]
    axes.set(ylabel="J", ylim=(min(known) - 2, max(known) + 2), xticks=at)
    axes.set_xticklabels(list(scores), rotation=20)
    axes.legend(loc="upper left")
    return figure


def text_of(held: Sequence[str], setup: Setup) -> list[str]:
    """The paragraphs of the page."""
    short = (
        f" Quick look: the first {setup.frames} frames, {setup.steps} steps."
        if setup.frames
        else ""
    )
    return [
        "Leave one sequence out: each network is trained on nine of the ten DAVIS-2016 validation "
        "sequences at hand and tested on the tenth (the three-dimensional ones on eight, and "
        "tested on the other two, to keep the time in bounds), at 480p, on the masks of "
        f"{len(CHANNELS)} unsupervised methods (the paper has 15, trains on 30 other videos and "
        f"tests on 20).{short} Focal-Dice (0.75), AdamW with AMSGrad, the rate halved after 5 of "
        f"{EPOCHS} epochs without a lower training loss; the last weights count. Windows of "
        f"{FRAMES} frames, tiles of {TILE[0]} x {TILE[1]} pixels, {CROPS} a video, around "
        "pixels where the mean is uncertain, mirrored and turned in time at random; "
        "outside the tile the mean's answer completes the frame of which Dice is taken. U-Nets "
        "work at half size and their answer is added to the mean at full size.",
        "Learning rates are compared on one inner split of the first fold: tested on its first "
        f"{len(held)} training sequences ({', '.join(held)}; one frame in {setup.inner_every}), "
        "trained on the rest; two or three of the paper's 25 pairs of rate and L2. One rate then "
        "serves all folds, so this one number has seen sequences that other folds report on; so "
        "has the choice to cut tiles around uncertain pixels. Both favour the networks.",
    ]


def add_nets(parser: argparse.ArgumentParser) -> None:
    """Which networks, where not all are wanted."""
    parser.add_argument("--nets", default=",".join(ENSEMBLES), help="names, with commas")


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(__doc__, add_nets, argv)
    page = Page("sfsegpp/table5_networks", "Table 5: learned ensembles")
    quick = options.quick
    frames, steps = (QUICK_FRAMES, QUICK_STEPS) if quick else (None, None)
    kept = SCRATCH.with_name("table5_quick") if quick else SCRATCH
    if quick:
        shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True, exist_ok=True)
    log = kept / "rows.jsonl"
    setup = Setup(options.root, kept, frames, steps, inner_every=3 if quick else 8)
    sequences = names(options.root, quick=quick)
    nets = QUICK_NETS if quick else tuple(options.nets.split(","))
    cheap_first = nets[::-1]
    with ProcessPoolExecutor(2, get_context("spawn"), one_thread) as pool:
        base = run_all(pool, plain, [(setup, n) for n in sequences], log)
        inner = tuple(sequences[1:])
        choices = run_all(pool, compare, [(setup, net, inner) for net in cheap_first], log)
        best = {c["net"]: max(c["tries"], key=lambda t: t["J"]) for c in choices}
        asked = []
        for net in cheap_first:
            # Second sequences of pairs come last, when the network they share is trained.
            for name in sorted(sequences, key=lambda n: sequences.index(n) % 2):
                held = held_out(net, sequences, name)
                rest = [n for n in sequences if n not in held]
                asked.append((setup, net, best[net]["rate"], best[net]["decay"], name, held, rest))
        rows = run_all(pool, fold, asked, log)
    old = earlier(options.out, ENSEMBLES if quick else nets)
    parameters: dict[str, int | str] = {"matnet": "-", "mean": 0, **old["parameters"]}
    parameters |= {n: sum(p.numel() for p in build(n, len(CHANNELS)).parameters()) for n in nets}
    per = {w: [b[w] for b in base] for w in ("matnet", "mean")}
    found_j = {(r["net"], r["sequence"]): r["J"] for r in rows}
    mine = {net: [found_j[net, name] for name in sequences] for net in nets}
    mine |= old["J_by_sequence"]
    per |= {net: mine[net] for net in ENSEMBLES if net in mine}
    choices += old["choices"]
    best = {c["net"]: max(c["tries"], key=lambda t: t["J"]) for c in choices}
    mean = {name: float(np.mean(values)) for name, values in per.items()}
    # Once a network: the second sequence of a pair finds it trained.
    runs = {n: len({tuple(held_out(n, sequences, name)) for name in sequences}) for n in nets}
    seconds = {n: sum(r["seconds"] for r in rows if r["net"] == n) / runs[n] for n in nets}
    seconds |= old["seconds"]
    if found := ours(options.out):
        mean["SFSeg++"], parameters["SFSeg++"] = found
    for paragraph in text_of(choices[0]["held"], setup):
        page.text(paragraph)
    if "text" in old:
        page.text(old["text"])
    rated = {net: f"{choice['rate']:g}" for net, choice in best.items()}
    page.table(
        ["ensemble", "parameters", "J", "J - mean", "rate", "core s a fold", "J in the paper"],
        [
            [n, parameters[n], f"{j:.2f}", f"{j - mean['mean']:+.2f}", rated.get(n, "-"),
             f"{seconds[n]:.0f}" if n in seconds else "-", PAPER.get(n, "-")]
            for n, j in mean.items()
        ],
    )  # fmt: skip
    page.picture(plot(mean), "J of single best, mean and learned ensembles.")
    page.text("J of each sequence by ensembles that have not seen it:")
    page.table(
        ["sequence", *per],
        [[s, *(f"{v[i]:.1f}" for v in per.values())] for i, s in enumerate(sequences)],
    )
    page.text(f"J on the inner split by learning rate, all with L2 of {DECAY:g}:")
    tries = {c["net"]: {t["rate"]: f"{t['J']:.2f}" for t in c["tries"]} for c in choices}
    rates = sorted({rate for tried in tries.values() for rate in tried}, reverse=True)
    page.table(
        ["ensemble", *(f"{rate:g}" for rate in rates)],
        [[n, *(tries[n].get(rate, "-") for rate in rates)] for n in ENSEMBLES if n in tries],
    )
    facts = {"sequences": sequences, "J": mean, "J_by_sequence": per, "parameters": parameters}
    page.write(options, {**facts, "seconds": seconds, "choices": choices}, seed=0)
    shutil.rmtree(kept)


if __name__ == "__main__":
    main()
