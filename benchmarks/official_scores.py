"""Compare our J and F with the per-frame numbers DAVIS publishes.

    python benchmarks/official_scores.py [DATA] [--out benchmarks/results]

DATA holds ``davis2016`` with ``Results/official_per_frame.json`` (3 decimals) beside the masks of
each method. Prints the largest deviation per method, and writes ``official_scores.{json,md}``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import cv2
import numpy as np

from spectrack.datasets.base import Dataset, Sequence
from spectrack.datasets.davis import Davis2016
from spectrack.evaluation.report import as_dict, markdown, percent
from spectrack.evaluation.score import score_folder

ALLOWED = {"J": 0.001, "F": 0.003}
ROUNDING = 0.0005


def in_memory(sequence: Sequence) -> Sequence:
    """The same sequence with its masks decoded once."""
    masks = [sequence.truth_mask(i) for i in range(len(sequence))]
    return Sequence(sequence.name, sequence.stems, sequence.open_frames, lambda i: masks[i])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("SPECTRACK_DATA", "../shared/data"))
    parser.add_argument("data", nargs="?", type=Path, default=default)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    results = options.data / "davis2016" / "Results"
    official = json.loads((results / "official_per_frame.json").read_text())
    davis = Davis2016(options.data / "davis2016", "val")
    davis = Dataset(davis.name, [in_memory(sequence) for sequence in davis.values()])
    started, frames, rows, table = time.perf_counter(), 0, [], {}
    there = sorted(path.name for path in (results / "480p").iterdir() if path.is_dir())
    methods = [method for method in there if method in official]
    print("without published numbers:", ", ".join(sorted(set(there) - set(methods))) or "none")
    for method in methods:
        scores = score_folder(results / "480p" / method, davis)
        worst = {}
        for measure in ALLOWED:
            gaps = {}
            for sequence in scores.sequences:
                published = np.array(official[method][sequence.name][measure])
                gaps[sequence.name] = float(np.abs(sequence.values[measure] - published).max())
            worst[measure] = max(gaps.values())
            for name, gap in gaps.items():
                if gap > ALLOWED[measure]:
                    print(f"  {method} {name}: {measure} deviates by {gap:.4f}")
        frames += sum(len(sequence.stems) for sequence in scores.sequences)
        mean = as_dict(scores)["mean"]
        table[method] = {"J": mean["J"], "F": mean["F"], "max_deviation": worst}
        shown = [f"{worst[m]:.5f}" for m in ALLOWED]
        rows.append([method, percent(mean["J"]["mean"]), percent(mean["F"]["mean"]), *shown])
        print("{:18s} J {:>5s}  F {:>5s}  deviation J {}  F {}".format(*rows[-1]), flush=True)
    seconds = time.perf_counter() - started
    worst = {m: max(row["max_deviation"][m] for row in table.values()) for m in ALLOWED}
    print(
        f"{len(methods)} methods, {frames} scored frames in {seconds:.0f} s; "
        f"largest deviation J {worst['J']:.5f}, F {worst['F']:.5f} (rounding alone: {ROUNDING})"
    )
    options.out.mkdir(parents=True, exist_ok=True)
    report = {"frames": frames, "max_deviation": worst, "allowed": ALLOWED, "methods": table}
    (options.out / "official_scores.json").write_text(json.dumps(report, indent=1) + "\n")
    headers = ["method", "J mean", "F mean", "max deviation J", "max deviation F"]
    text = (
        "# J and F against the published per-frame numbers of DAVIS-2016\n\n"
        f"{len(methods)} methods on the {len(davis)} validation sequences at hand, {frames} frames "
        "(first and last dropped). The published numbers have 3 decimals, so 0.0005 is rounding.\n"
        f"Largest deviation: J {worst['J']:.5f}, F {worst['F']:.5f}. "
        "Made by `benchmarks/official_scores.py`.\n\n"
    )
    (options.out / "official_scores.md").write_text(text + markdown(headers, rows))
    for measure, limit in ALLOWED.items():
        if worst[measure] > limit:
            raise SystemExit(f"{measure} deviates by {worst[measure]:.4f}, more than {limit}")


if __name__ == "__main__":
    main()
