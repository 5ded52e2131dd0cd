"""Tables 8 and 9 of SFTrack++: inputs, ensembles, SFTrack++ and its ablations.

    python experiments/sftrackpp/sftrack_tables.py [--weights A,B,C] [--root DAVIS]
        [--otb OTB] [--vot VOT] [--work DIR] [--only SYSTEM,...] [--data davis,otb,vot]
        [--sequences NAME,...] [--seeds NAME,...] [--speed] [--page] [--quick]

Every run (system, weights, sequence) is kept in ``--work``, so parts can be run in any order and a
run that was stopped goes on; the pages are written from what is there and say what is not.
``--weights`` names one file a training; the shipped weights are a row of their own. ``--speed``
measures frames per second instead, which takes a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from spectrack.trackers.sftrack.weights import shipped

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import ROOT, arguments
from experiments.sftrackpp.sftrack_kept import Kept
from experiments.sftrackpp.sftrack_pages import write_table8, write_table9
from experiments.sftrackpp.sftrack_rows import (
    Job,
    dataset,
    run_jobs,
    speed_of,
    unet_file,
    weights_of,
)
from experiments.sftrackpp.sftrack_systems import ABLATIONS, ENSEMBLES, INPUTS, SYSTEMS
from experiments.sftrackpp.sftrack_unet import train_unet

MAIN = (*INPUTS, *ENSEMBLES, "sftrack")
QUICK_SYSTEMS, QUICK_SEQUENCE, QUICK_FRAMES = ("flow", "median", "sftrack"), "dog", 5
SPEED_FRAMES = 40


def add(parser: argparse.ArgumentParser) -> None:
    """Arguments of this experiment."""
    parser.add_argument("--weights", default="", help="files, with commas: one a training")
    parser.add_argument("--otb", type=Path, help="folder of OTB; beside DAVIS if left out")
    parser.add_argument("--vot", type=Path, help="folder of VOT; beside DAVIS if left out")
    parser.add_argument("--work", type=Path, default=ROOT / "scratch" / "sftrack")
    parser.add_argument("--hypotheses", type=Path, help="see sftrack_unet.py; in --work by default")
    parser.add_argument("--only", default=",".join(SYSTEMS), help="systems, with commas")
    parser.add_argument("--data", default="davis,otb,vot")
    parser.add_argument("--sequences", default="", help="only these")
    parser.add_argument("--seeds", default="", help="only these trainings, by the file's stem")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--speed", action="store_true", help="measure frames per second")
    parser.add_argument("--note", default="", help="what the page shall say of the trainings")
    parser.add_argument("--page", action="store_true", help="write the pages of what is there")
    parser.add_argument("--tables", default="8,9", help="which pages to write")


def jobs_of(options: argparse.Namespace, kept: Kept) -> list[Job]:
    """All runs asked for, system by system: shipped weights first, ablations on DAVIS only."""
    asked, wanted = options.only.split(","), set(filter(None, options.sequences.split(",")))
    seeds = set(filter(None, options.seeds.split(",")))
    trainings = {"shipped": shipped(), **kept.trainings}
    jobs = []
    for data in options.data.split(","):
        if data not in kept.roots:
            continue
        for stem, weights in trainings.items():
            for system in asked:
                if (seeds and stem not in seeds) or (data != "davis" and system in ABLATIONS):
                    continue
                for name in dataset(data, kept.roots[data]):
                    if not wanted or name in wanted:
                        own = weights_of(system, weights)
                        where = (data, kept.roots[data], name, system, own, kept.work)
                        # The filter behind it costs as much again and is no part of it.
                        jobs.append(Job(*where, options.frames, clean=stem == "shipped"))
    return jobs


def train_missing(options: argparse.Namespace, jobs: Sequence[Job]) -> None:
    """U-Net ensembles that runs need and that are not there yet."""
    files = dict.fromkeys(job.weights for job in jobs if job.system == "unet")
    for weights in files:
        out = unet_file(options.work, weights)
        if out.exists():
            continue
        hypotheses = options.hypotheses or options.work / "hypotheses"
        history = train_unet(options.root, weights, hypotheses, out)
        out.with_suffix(".json").write_text(json.dumps(history))


def measure_speed(options: argparse.Namespace, jobs: Sequence[Job]) -> None:
    """Frames per second of every system, one after another; one weights file is enough."""
    file = options.work / "speed.json"
    found = json.loads(file.read_text()) if file.exists() else {}
    for job in jobs:
        if job.weights in (None, shipped()):
            quick = Job(**{**vars(job), "frames": SPEED_FRAMES})
            found.setdefault(job.system, {})[job.sequence] = speed_of(quick)
            print(job.system, job.sequence, found[job.system][job.sequence], flush=True)
            file.write_text(json.dumps(found))


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(__doc__, add, argv)
    options.frames = None
    if options.quick:
        options.only, options.sequences = ",".join(QUICK_SYSTEMS), QUICK_SEQUENCE
        options.data, options.frames = "davis", QUICK_FRAMES
        options.work = ROOT / "scratch" / "sftrack_quick"
        shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True, exist_ok=True)
    roots = {
        "davis": options.root,
        "otb": options.otb or options.root.parent / "otb",
        "vot": options.vot or options.root.parent / "vot2014",
    }
    files = [Path(name) for name in filter(None, options.weights.split(","))]
    asked = options.data.split(",") if options.quick else list(roots)
    kept = Kept(
        options.work,
        {data: root for data, root in roots.items() if root.is_dir() and data in asked},
        {file.stem: file for file in files if file.is_file()},
        (QUICK_SEQUENCE,) if options.quick else (),
    )
    # Paths of this machine are nobody's business.
    options.command = "--quick" if options.quick else ""
    if kept.trainings:
        options.command += f"--weights {','.join(kept.trainings)}"
    if options.tables != "8,9":
        options.command += f" --tables {options.tables}"
    jobs = jobs_of(options, kept)
    if not options.page:
        train_missing(options, jobs)
        if options.speed:
            measure_speed(options, jobs)
        else:
            run_jobs(jobs, options.processes)
    if options.page or not options.speed:
        for table, write in (("8", write_table8), ("9", write_table9)):
            if table in options.tables.split(","):
                write(options, kept, options.note)


if __name__ == "__main__":
    main()
