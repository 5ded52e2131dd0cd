"""Runs behind Tables 8 and 9: one system on one sequence, measured, kept as a file of JSON.

A run is kept under the fingerprint of the weights it used, so runs that were stopped go on and
several trainings lie side by side. From one run of SFTrack++ come several rows: its own, its masks
read by other box rules, and its masks behind the offline filter.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numba
import numpy as np
import torch

from experiments.sftrackpp.sftrack_systems import INPUTS, make_system
from spectrack.datasets import base
from spectrack.datasets.davis import Davis2016
from spectrack.datasets.otb import Otb
from spectrack.datasets.vot import Vot
from spectrack.evaluation.boxes import find_protocol
from spectrack.metrics.regions import jaccard
from spectrack.metrics.success import score_boxes
from spectrack.structures import Box, Mask, Prediction
from spectrack.trackers.sftrack.boxes import BOX_RULES
from spectrack.trackers.sftrack.weights import shipped
from spectrack.tracking.cleaning import Cleaner

MEASURES = {"J": "J", "iou": "box IoU", "auc": "AUC", "sr50": "SR0.5"}
"""Names in the files, and what the tables call them."""


@dataclass(frozen=True)
class Job:
    """One system on one sequence.

    Args:
        data: ``davis``, ``otb`` or ``vot``.
        root: Of the data set.
        sequence: Its name.
        system: One of :data:`sftrack_systems.SYSTEMS`.
        weights: Of SFTrack++; None for the inputs, which have none.
        kept: Folder of all runs.
        frames: Only so many; all for None.
        clean: Run the offline filter behind SFTrack++, too, where truth is masks.
    """

    data: str
    root: Path
    sequence: str
    system: str
    weights: Path | None
    kept: Path
    frames: int | None = None
    clean: bool = True

    @property
    def file(self) -> Path:
        """Where the result lies."""
        folder = self.kept / (fingerprint(self.weights) if self.weights else "no-weights")
        return folder / f"{self.data}-{self.sequence}-{self.system}.json"

    @property
    def unet(self) -> Path | None:
        """File of the U-Net ensemble that belongs to the weights."""
        return None if self.weights is None else unet_file(self.kept, self.weights)


@cache
def fingerprint(file: Path) -> str:
    """First letters of a file's SHA-256."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:10]


def unet_file(kept: Path, weights: Path) -> Path:
    """Where the U-Net ensemble of these weights lies."""
    return kept / f"unet-{fingerprint(weights)}.safetensors"


def dataset(data: str, root: Path) -> base.Dataset:
    """A data set by its short name."""
    if data == "davis":
        return Davis2016(root, "val", "480p")
    return Otb(root) if data == "otb" else Vot(root)


def one_thread() -> None:
    """Two processes share two cores."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    numba.set_num_threads(1)


def run_job(job: Job) -> str:
    """Run and keep one job."""
    begin = time.perf_counter()
    found = follow(job)
    found["seconds"] = time.perf_counter() - begin
    job.file.parent.mkdir(parents=True, exist_ok=True)
    part = job.file.with_suffix(".part")
    part.write_text(json.dumps(found))
    part.replace(job.file)
    own = found["rows"][job.system]["measures"]
    figures = " ".join(f"{name} {value:.1f}" for name, value in own.items())
    return f"{job.data} {job.sequence} {job.system}: {figures}, {found['seconds']:.0f} s"


def run_jobs(jobs: Sequence[Job], processes: int = 2) -> None:
    """Run those jobs that are not kept yet, in their order; of those with one file the first."""
    files: dict[Path, Job] = {}
    for job in jobs:
        files.setdefault(job.file, job)
    todo = [job for file, job in files.items() if not file.exists()]
    print(f"{len(todo)} of {len(jobs)} runs to do", flush=True)
    if not todo:
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), one_thread) as pool:
        for task in as_completed([pool.submit(run_job, job) for job in todo]):
            print(task.result(), flush=True)


def follow(job: Job) -> dict[str, Any]:
    """Rows of a run, and the masks of SFTrack++ for the pictures."""
    sequence = dataset(job.data, job.root)[job.sequence]
    count = min(job.frames or len(sequence), len(sequence))
    tracker = make_system(job.system, job.weights, job.unet)
    main = job.system == "sftrack"
    says: dict[str, list[Box | None]] = {job.system: []}
    masks: list[Mask | None] = []
    cleaned: list[Prediction] = []
    cleaner = Cleaner(keep_boxes=[1]) if main and job.clean and job.data == "davis" else None
    if main:
        says |= {f"box-{rule}": [] for rule in BOX_RULES}
    with sequence.frames() as frames:
        for index, frame in enumerate(frames):
            if index == count:
                break
            size_wh = (frame.shape[1], frame.shape[0])
            first = index == 0
            p = tracker.init(frame, sequence.target()) if first else tracker.update(frame)
            box = p.box if p.found else None
            says[job.system].append(box)
            masks.append(_mask(p, box, size_wh))
            for rule, read in BOX_RULES.items() if main else ():
                seen = p.found and p.mask is not None
                says[f"box-{rule}"].append(read(p.mask.astype(np.float32)) if seen else None)
            if cleaner is not None:
                cleaned += [ready[1] for ready in cleaner.push(frame, {1: p})]
    regions = None
    if job.data == "davis":
        truths = [sequence.truth_mask(t) for t in range(count)]
        regions = {job.system: _regions(masks, truths)}
        if cleaner is not None:
            cleaned += [ready[1] for ready in cleaner.flush()]
            after = [_mask(p, None, size_wh) for p in cleaned]
            says["cleaned"], regions["cleaned"] = says["sftrack"], _regions(after, truths)
    rows = {
        name: {
            "boxes": [None if box is None else [round(v, 2) for v in box] for box in boxes],
            "measures": _measures(sequence, boxes, size_wh, (regions or {}).get(name)),
        }
        for name, boxes in says.items()
    }
    kept = [None if m is None else m.counts.decode() for m in masks] if main else None
    return {"size": size_wh, "rows": rows, "masks": kept}


def _mask(p: Prediction, box: Box | None, size_wh: tuple[int, int]) -> Mask | None:
    """The hard mask, or the filled box of a tracker of boxes; None where nothing is found."""
    if not p.found:
        return None
    hard = p.hard_mask()
    if hard is None:
        hard = None if box is None else box.fill(size_wh)
    return None if hard is None else Mask.encode(hard)


def _regions(masks: Sequence[Mask | None], truths: Sequence[Any]) -> list[float]:
    found = []
    for mask, truth in zip(masks, truths, strict=True):
        shown = np.zeros_like(truth) if mask is None else mask.decode()
        found.append(jaccard(shown, truth))
    return found


def _measures(
    sequence: base.VideoSequence,
    boxes: Sequence[Box | None],
    size_wh: tuple[int, int],
    regions: Sequence[float] | None,
) -> dict[str, float]:
    """In percent; for masks J by the DAVIS rule, without the first and the last frame."""
    name = "davis" if regions is not None or sequence.read_box is None else "otb"
    polygons = None
    if sequence.read_polygon is not None:
        name, polygons = "vot", [sequence.read_polygon(t) for t in range(len(boxes))]
    none = (np.nan,) * 4
    given = [none if box is None else tuple(box) for box in boxes]
    true = [sequence.truth_box(t) for t in range(len(boxes))]
    truth = [none if box is None else tuple(box) for box in true]
    scored = score_boxes(given, truth, find_protocol(name), size_wh, polygons).figures
    out = {"J": float(np.mean(regions[1:-1]))} if regions is not None else {}
    out |= {"iou": scored["ao"], "auc": scored["auc"], "sr50": scored["sr50"]}
    return {name: 100 * value for name, value in out.items()}


def speed_of(job: Job) -> float:
    """Frames per second of a system that has the machine to itself, the first frame left out."""
    sequence = dataset(job.data, job.root)[job.sequence]
    tracker = make_system(job.system, job.weights, job.unet)
    spent, done = 0.0, 0
    with sequence.frames() as frames:
        for index, frame in enumerate(frames):
            if index == job.frames:
                break
            begin = time.perf_counter()
            tracker.init(frame, sequence.target()) if index == 0 else tracker.update(frame)
            if index > 1:  # what is compiled or laid out once is done by then
                spent, done = spent + time.perf_counter() - begin, done + 1
    return done / spent


def read(job: Job) -> dict[str, Any] | None:
    """A run that was kept, or None."""
    return json.loads(job.file.read_text()) if job.file.exists() else None


def weights_of(system: str, weights: Path | None) -> Path | None:
    """The weights a system depends on, as a file; None for the inputs."""
    return None if system in INPUTS else weights or shipped()
