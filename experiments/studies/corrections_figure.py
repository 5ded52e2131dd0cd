"""The picture of docs/guides/correct.md: what one key frame changes, on the project's own clip.

    python experiments/studies/corrections_figure.py [--out docs/pictures]

A koi is followed by its flow alone, which drifts off; first from its first mask, then with the mask
of one later frame, too. Everything is seeded.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import arguments
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.metrics.regions import jaccard_t
from spectrack.tracking.keyframes import KeyframedTrack
from spectrack.tracking.table import make_tracker
from spectrack.video.draw import COLORS, draw_overlay
from spectrack.video.reader import open_video
from spectrack.video.sheet import contact_sheet, write_picture

FRAMES, SIZE, KEY = 36, (427, 240), 24
SHOWN = (8, 16, 24, 32)


def main() -> None:
    options = arguments(__doc__)
    out = options.out if options.quick or options.out.name == "pictures" else Path("docs/pictures")
    clip = make_clip(FRAMES, SIZE, seed=4)
    track = KeyframedTrack(
        open_video(clip.frames_thwc), partial(make_tracker, "carried"), {0: clip.masks_thw[0]}
    )
    pictures, labels = [], []
    for name in ("first mask only", "and a key frame"):
        if name != "first mask only":
            track.set(KEY, clip.masks_thw[KEY])
        track.run()
        masks = track.track().masks_thw()
        scores = 100 * jaccard_t(masks, clip.masks_thw)
        print(name, np.round(scores).astype(int).tolist(), round(float(scores.mean()), 1))
        for t in SHOWN:
            pictures.append(draw_overlay(clip.frames_thwc[t], masks[t], color=COLORS[1]))
            given = ", given" if t == KEY and KEY in track.keys else ""
            labels.append(f"frame {t}, {name}{given}: J {scores[t]:.0f}")
    out.mkdir(parents=True, exist_ok=True)
    write_picture(out / "key_frames.jpg", contact_sheet(pictures, labels, width=300))


if __name__ == "__main__":
    main()
