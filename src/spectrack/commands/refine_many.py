"""Refine a folder of sequences: resumable, several at a time."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from spectrack.commands.refine import Job, refine_one
from spectrack.errors import InputError

if TYPE_CHECKING:
    from spectrack.progress import Console


def refine_many(job: Job, names: Sequence[str], workers: int, console: Console) -> int:
    """Refine every sequence of a folder; the finished ones of an earlier run are kept.

    Args:
        job: ``masks``, ``video`` and ``out`` are the folders that hold the sequences.
        names: Names of the sequences.
        workers: Sequences at a time.
        console: Where to report.

    Returns:
        The exit status.

    Raises:
        InputError: If a sequence cannot be done; nothing is started before all are looked at.
    """
    jobs = {name: _job(job, name) for name in names}
    check_folder(job, names)
    kept = [] if job.overwrite else [n for n in names if _finished(jobs[n])]
    todo = {name: one for name, one in jobs.items() if name not in kept}
    if kept:
        console.remark(f"{len(kept)} finished sequences are kept, {len(todo)} to do")
    done: dict[str, dict[str, Any]] = {}
    with console.progress("refining", "sequences") as progress:
        for name, summary in _each(todo, min(workers, max(len(todo), 1))):
            done[name] = summary
            progress(len(done), len(todo))
    order = [name for name in names if name in done]
    frames = sum(done[n]["frames"] for n in order)
    values = {
        "out": str(job.out),
        "preset": job.preset,
        "kept": kept,
        "done": [{"sequence": n, **done[n]} for n in order],
    }
    console.result(
        values,
        f"{len(order)} sequences refined with preset {job.preset} ({frames} frames), "
        f"{len(kept)} kept\nresults: {job.out}",
    )
    return 0


def check_folder(job: Job, names: Sequence[str]) -> None:
    """Make sure the output folder holds nothing but results of these sequences.

    Raises:
        InputError: If it is a file or holds other things.
    """
    from spectrack.output import check_output

    if job.out.exists() and not job.out.is_dir():
        raise InputError(f"output {job.out} is a file; give a folder that is new or empty")
    if not job.out.is_dir():
        return
    foreign = sorted(p.name for p in job.out.iterdir() if p.name not in names)
    if foreign:
        raise InputError(
            f"output folder {job.out} holds other things ({', '.join(foreign[:3])}); "
            "give one that is new or empty"
        )
    for name in names:
        check_output(job.out / name, overwrite=True)


def _job(job: Job, name: str) -> Job:
    """The job of one sequence.

    Raises:
        InputError: If there is no video of its name.
    """
    videos = Path(job.video)
    if not videos.is_dir():
        raise InputError(f"--video {job.video} is not a folder; give the folder of the videos")
    found = [videos / name] if (videos / name).is_dir() else sorted(videos.glob(f"{name}.*"))
    if len(found) != 1:
        what = "no video" if not found else f"{len(found)} videos"
        raise InputError(f"{videos} holds {what} named {name}; give one for every mask folder")
    return replace(job, masks=job.masks / name, video=str(found[0]), out=job.out / name)


def _finished(job: Job) -> bool:
    """Whether an earlier run finished a sequence with the same preset.

    Raises:
        InputError: If it did so with another preset.
    """
    from spectrack.output import is_complete

    if not is_complete(job.out):
        return False
    objects = json.loads((job.out / "track.json").read_text())["objects"]
    presets = {info.get("preset") for info in objects.values()}
    if presets != {job.preset}:
        raise InputError(
            f"{job.out} was made with preset {', '.join(map(str, presets))}, not {job.preset}; "
            "give another folder or pass --overwrite"
        )
    return True


def _each(jobs: dict[str, Job], workers: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Do the jobs, here or in worker processes, and give each summary as it is ready."""
    if workers == 1:
        for name, job in jobs.items():
            yield name, _work(job)
        return
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_become_worker, initargs=(threads,)
    ) as pool:
        running: dict[Future[dict[str, Any]], str] = {
            pool.submit(_work, job): name for name, job in jobs.items()
        }
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        except BaseException:
            for child in active_children():
                child.terminate()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _become_worker(threads: str) -> None:
    """Share the cores among the workers, and leave Ctrl-C to the parent, which tells us to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    # Read when the heavy modules are loaded, which has not happened yet.
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = threads
    import cv2

    cv2.setNumThreads(int(threads))


def _work(job: Job) -> dict[str, Any]:
    """Refine one sequence without a word."""
    from spectrack.progress import Console

    with open(os.devnull, "w") as nowhere:
        return refine_one(job, Console(json=False, quiet=True, out=cast(TextIO, nowhere)))
