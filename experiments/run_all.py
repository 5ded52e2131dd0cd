"""Run the experiments of the paper one after another: a line each, with the time it took.

    python experiments/run_all.py [--quick] [--only NAME,NAME] [--root DAVIS]

What an experiment prints goes to ``scratch/experiments/NAME.log``. One that fails is reported with
the end of its log, and the rest go on; the exit status is 1 then. Pages are written to
``docs/results``, with ``--quick`` to ``scratch/quick``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

HERE = Path(__file__).resolve().parent
LOGS = HERE.parent / "scratch" / "experiments"

EXPERIMENTS = (
    "sfsegpp/fig2_runtime",
    "sfsegpp/fig3_toy_video",
    "sfsegpp/fig4_convergence",
    "sfsegpp/time_per_frame",
    "sfsegpp/table1_single_channel",
    "sfsegpp/table6_fusion",
    "sfsegpp/refine_then_fuse",
    "sfsegpp/table5_networks",
    "sfsegpp/table4_noise",
    "sfsegpp/fig10_consistency",
    "studies/doubt",
    "studies/guide_trust",
    "sftrackpp/first_mask",
    "sftrackpp/default_tracker",
    "studies/occlusions",
    "studies/drawn_boxes",
    "studies/drawing_back",
    "studies/looks_apart",
    "studies/first_frame",
    "studies/going_on",
    "studies/hidden_parts",
    "studies/small_frames",
    "studies/mean_of_masks",
    "studies/discriminative",
    "sftrackpp/sftrack_tables",
)
"""In this order: an experiment may read what one before it wrote."""


def run(name: str, more: Sequence[str], folder: Path = HERE, logs: Path = LOGS) -> bool:
    """Run one experiment; print how it went.

    Args:
        name: Of its file with the folder it lies in, without ending.
        more: Arguments.
        folder: Of all experiments.
        logs: Where its output goes.

    Returns:
        Whether it succeeded.
    """
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{Path(name).name}.log"
    print(f"{name:30s}", end=" ", flush=True)
    begin = perf_counter()
    with log.open("w", encoding="utf-8") as out:
        done = subprocess.run(
            [sys.executable, str(folder / f"{name}.py"), *more],
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    state = "done" if done.returncode == 0 else f"FAILED, status {done.returncode}"
    print(f"{perf_counter() - begin:7.1f} s  {state}", flush=True)
    if done.returncode:
        last = log.read_text(encoding="utf-8").splitlines()[-5:]
        print("\n".join(f"    {line}" for line in last), flush=True)
    return done.returncode == 0


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small versions, minutes in all")
    parser.add_argument("--only", help="names of their files, with commas")
    parser.add_argument("--root", help="folder of DAVIS-2016")
    options = parser.parse_args(argv)
    known = {Path(name).name: name for name in EXPERIMENTS}
    asked = options.only.split(",") if options.only else list(known)
    unknown = [name for name in asked if name not in known]
    if unknown:
        parser.error(f"no experiment {', '.join(unknown)}; there are {', '.join(known)}")
    names = [known[name] for name in asked]
    more = ["--quick"] * options.quick + (["--root", options.root] if options.root else [])
    begin = perf_counter()
    failed = [name for name in names if not run(name, more)]
    print(f"{len(names) - len(failed)} of {len(names)} in {perf_counter() - begin:.0f} s")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
