"""Fusing masks that were refined one by one: what it is worth beside refining what was fused.

    python experiments/sfsegpp/refine_then_fuse.py [--root DAVIS] [--quick]

The 13 channels of ``table6_fusion.py``, each sequence fused with weights learned on the other
nine: the published masks, and the same after `refine` with the presets `colour` and `learned`.
Refined masks are kept in scratch/refined until the end, so that a run that was stopped goes on.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from spectrack.spectral.mixing.settings import MixingSettings

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where experiments/ lies

from experiments.common import ROOT, Page, arguments
from experiments.sfsegpp.channels import CHANNELS, Clip, load_clip, names
from experiments.sfsegpp.fusion_runs import (
    Applied,
    Learner,
    Scores,
    learn,
    leave_one_out,
    mean_over,
    pool,
)

BEST = CHANNELS[0]
FIRST = (None, "colour", "learned")
"""What each channel goes through before it is fused."""
BEHIND = ("colour", "learned")
"""What the mix goes through."""
TITLES = {None: "as published", "colour": "refined, `colour`", "learned": "refined, `learned`"}


def refined(root: Path, folder: Path, most: int | None, job: tuple[str, str | None]) -> Clip:
    """A sequence with the masks of each channel refined by themselves, and cut at one half."""
    name, preset = job
    clip = load_clip(root, name, CHANNELS, most=most)
    if preset is None:
        return clip
    file = folder / f"{name}-{preset}.npz"
    if not file.is_file():
        applied = Applied.load(root, name, most)
        maps: list[np.ndarray] = []
        for c in range(len(CHANNELS)):
            given = clip.channels_tchw[:, c]
            twin = next((k for k in range(c) if (clip.channels_tchw[:, k] == given).all()), None)
            if twin is None:
                maps.append(applied.filtered((given > 0).astype(np.float32), preset) >= 0.5)
            else:
                maps.append(maps[twin])
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npz")
        np.savez_compressed(part, bits=np.packbits(np.stack(maps, axis=1), axis=-1))
        part.replace(file)
    bits = np.load(file)["bits"]
    width = clip.truth_thw.shape[2]
    channels = np.unpackbits(bits, axis=-1, count=width) * np.uint8(255)
    channels[~clip.present_tc] = 0
    return replace(clip, channels_tchw=channels)


def prepare(root: Path, folder: Path, most: int | None, job: tuple[str, str | None]) -> None:
    """Refine, and keep."""
    refined(root, folder, most, job)
    print(*job, "refined", flush=True)


def clip_of(root: Path, folder: Path, most: int | None, preset: str | None, name: str) -> Clip:
    """What one sequence's mixing learns from."""
    return refined(root, folder, most, (name, preset))


def apply(
    root: Path,
    folder: Path,
    most: int | None,
    job: tuple[str, dict[str | None, MixingSettings]],
) -> Scores:
    """Every way on one sequence."""
    name, mixings = job
    applied, found = Applied.load(root, name, most), {}
    for first, mixing in mixings.items():
        clip = refined(root, folder, most, (name, first))
        those = Applied(clip, applied.frames, applied.flow)
        best = (clip.channels_tchw[:, CHANNELS.index(BEST)] > 0).astype(np.float32)
        found[f"{first}: best"] = those.score(best, False)
        found[f"{first}: mean"] = those.score(those.mean(), False)
        soft, _, _ = those.mixed(mixing)
        found[f"{first}: mixed"] = those.score(soft, False)
        for behind in BEHIND:
            filtered = those.filtered(soft, behind)
            found[f"{first}: {behind}"] = those.score(filtered, False)
    return found


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(__doc__, argv=argv)
    page = Page("sfsegpp/refine_then_fuse", "Refining before fusing")
    most = 6 if options.quick else None
    folder = ROOT / "scratch" / ("quick_refined" if options.quick else "refined")
    val = names(options.root, "val", options.quick)[: 2 if options.quick else None]
    given = (options.root, folder, most)
    ours, jobs = Learner(), [(name, first) for first in FIRST[1:] for name in val]
    with pool() as workers:
        list(workers.map(partial(prepare, *given), jobs))
        mixings: dict[str | None, dict[str | None, MixingSettings]] = {}
        for first in FIRST:
            place = folder / "runs" / (first or "published")
            folds, of = leave_one_out(val), partial(clip_of, *given, first)
            runs = learn(workers, options.root, CHANNELS, folds, [ours], place, clip_of=of)[ours]
            mixings[first] = {name: run.mixing for name, run in runs.items()}
        work = [(name, {first: mixings[first][name] for first in FIRST}) for name in val]
        scores = dict(zip(val, workers.map(partial(apply, *given), work), strict=True))
    write(page, scores)
    facts = {
        name: {way: 100 * float(np.mean(s["J"])) for way, s in one_.items()}
        for name, one_ in scores.items()
    }
    page.write(options, {"sequences": facts}, seed=0)
    shutil.rmtree(folder)


def write(page: Page, scores: dict[str, Scores]) -> None:
    """The table, and what it is of."""
    page.text(
        f"J of {len(CHANNELS)} methods' masks fused on {len(scores)} validation sequences of "
        "DAVIS-2016, as in [Table 6](table6_fusion.md), each sequence with weights learned on the "
        "others: the masks as they were published, and refined method by method before. Behind the "
        "mix stands the filter `colour` or `learned`. Nothing but the weights was chosen on these "
        "sequences anew; what the filters were chosen on is said [there](table6_fusion.md)."
    )
    base = {way: mean_over(scores, f"None: {way}") for way in ("best", "mean")}
    rows = []
    for first in FIRST:
        for way, title in (
            ("best", f"{BEST} alone"),
            ("mean", "mean"),
            ("mixed", "learned mixing"),
            ("colour", "SFSeg++"),
            ("learned", "SFSeg++, filter `learned`"),
        ):
            j = mean_over(scores, f"{first}: {way}")
            over = (f"{j - base['best']:+.2f}", f"{j - base['mean']:+.2f}")
            rows.append([TITLES[first], title, f"{j:.2f}", *over])
    page.table(["masks", "way", "J", "over best as published", "over their mean"], rows)
    page.text("J by sequence of SFSeg++, filter `colour`:").table(
        ["sequence", *TITLES.values()],
        [
            [name, *(f"{100 * np.mean(s[f'{first}: colour']['J']):.1f}" for first in FIRST)]
            for name, s in scores.items()
        ],
    )


if __name__ == "__main__":
    main()
