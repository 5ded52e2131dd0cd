"""What `spectrack train siamese --small` brings: box IoU before and after, held out and validation.

    python experiments/studies/train_siamese.py --run RUN --backbone-of WEIGHTS [--quick]

RUN is the folder of a finished run of NanoTrack's head on the backbone of WEIGHTS. Its note has the
held-out training sequences; here the validation sequences of DAVIS-2016 are followed, at 480p, with
the weights that it wrote and with what it began with. Nothing was chosen by them.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import islice
from pathlib import Path

import cv2
import torch

from spectrack.trackers.nanotrack.network import NanoTrack
from spectrack.trackers.nanotrack.train import FAMILY
from spectrack.training.held_out import box_overlaps
from spectrack.training.siamese import begun
from spectrack.weights.networks import load_network

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import Page, arguments
from experiments.studies.box_trackers import sequences_of


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", type=Path, required=True, help="folder of the run")
    parser.add_argument("--backbone-of", required=True, help="weights it took the backbone of")


def main() -> None:
    options = arguments(__doc__, add)
    page = Page("studies/train_siamese", "`train siamese --small`: what it brings")
    for path in (str(options.run), options.backbone_of):  # no paths of this machine
        options.command = options.command.replace(path, Path(path).name)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    note = json.loads((options.run / "siamese.json").read_text(encoding="utf-8"))
    found = note["summary"]["held_out"]
    torch.manual_seed(note["asked"]["seed"])
    start = begun(FAMILY, "", options.backbone_of, small=True)
    end = load_network(str(options.run / "siamese.safetensors"), NanoTrack).network
    few = 1 if options.quick else None
    videos = list(islice(sequences_of("davis-val", options.root, None).values(), few))
    validation = {
        when: box_overlaps(FAMILY.tracker(network.eval()), videos)
        for when, network in (("before", start), ("after", end))
    }
    rows = []
    for what, by_time in (("held out, 240p", found), ("validation, 480p", validation)):
        before, after = (by_time[when] for when in ("before", "after"))
        names = [*before, "mean"]
        for by_name in (before, after):
            by_name["mean"] = sum(by_name.values()) / len(by_name)
        rows += [[what, n, f"{before[n]:.3f}", f"{after[n]:.3f}"] for n in names]
    page.text(
        TEXT.format(
            epochs=note["asked"]["epochs"],
            samples=note["asked"]["samples"],
            version=end.version,
            seed=note["asked"]["seed"],
        )
    )
    page.table(["sequences", "sequence", "IoU before", "IoU after"], rows)
    page.write(options, {"held out": found, "validation": validation}, seed=note["asked"]["seed"])


TEXT = """
NanoTrack {version}: a head that has learned nothing, on the published backbone, which stays as it
is. {epochs} epochs of {samples} pairs from moving stills and 25 DAVIS training sequences, seed
{seed}. The held-out sequences are training sequences that nothing was learned from; the validation
was looked at once, with the weights that had been written. The published training has 50 epochs of
400 000 pairs; weights of so few pairs are no match for the published ones. The run:
`spectrack train siamese --small --tracker nanotrack --backbone-of nanotrack_{version}
--samples {samples} --epochs {epochs}`.
"""

if __name__ == "__main__":
    main()
