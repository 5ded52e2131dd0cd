"""What the page of Table 8 says of how its figures were made."""

from __future__ import annotations

from experiments.sftrackpp.sftrack_kept import Kept
from experiments.sftrackpp.sftrack_unet import SETTINGS


def about(kept: Kept) -> list[str]:
    """What was measured, and how."""
    names = list(kept.trainings)
    rests = (
        f"Rows with weights are mean ± deviation over {len(names)} trainings that differ in their "
        "seed; figures of the shipped weights stand in where the trainings were not run, and the "
        "last column says so."
        if names
        else "All rows rest on the shipped weights alone."
    )
    return [
        "Each tracker starts from the true box of the first frame and nothing else. On DAVIS "
        "(480p) truth is the mask and its box, first and last frame left out; J is mean Jaccard, "
        "box IoU the mean overlap of boxes, AUC the area under the success curve (21 thresholds) "
        "and SR0.5 the share of frames whose overlap is above 0.5: means over sequences, in "
        "percent. J of a tracker of boxes is that of its filled box. OTB and VOT2014 by their "
        "protocols in one pass (VOT: overlap with the rotated truth, so an upright box cannot "
        f"reach 100). {rests}",
        "Ensembles run the same three inputs as SFTrack++ (flow, CSRT, KCF) without feedback, "
        "start from the same first mask and read the box by the same regressor. The median is "
        "that of each pixel, over the soft mask of flow and the filled boxes. The U-Net ensemble "
        "has the layers of NN_feat2seg and sees RGB, the three maps and the target's colours in "
        "one crop about the median box; it begins from the trained NN_feat2seg and learns "
        f"{SETTINGS.epochs} epochs on what the inputs said on the same 27 DAVIS training "
        "sequences.",
        "Frames per second: one process alone on two cores, first frames of a sequence at 480p; "
        "a dash where that was not measured (`benchmarks/sftrack_speed.py` takes SFTrack++ apart).",
    ]


def remarks(kept: Kept) -> list[str]:
    """What the figures rest on."""
    return [
        "## What was tuned on what\n\n"
        "The networks learned from stills set in motion and from 27 of the 30 DAVIS training "
        "sequences, at 240p. The other three were held out, and the design was chosen on them; "
        "the ten validation sequences were looked at a few times on the way, too, so these "
        "figures flatter the design a little. No network has learned from their frames. The U-Net "
        "ensemble was trained once for each file of weights, at a rate that was not searched for. "
        "Ten, five and two sequences are few: a difference of a point or two in the mean may be "
        "the luck of one of them.",
        f"All runs together took {kept.seconds() / 60:.0f} minutes, two processes side by side.",
    ]
