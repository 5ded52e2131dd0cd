"""VOT: the regions of a tracker in the layout of the toolkit's results, with a manifest.

``results/TRACKER/EXPERIMENT/SEQ/SEQ_001.txt`` for one pass or runs with restarts, a line a frame;
``SEQ_00000050.txt`` and so on for runs from anchors, a line for each frame of the run. The
experiment is ``baseline`` where there are restarts or anchors, ``unsupervised`` for one pass. The
toolkit has a command of its own that packs what it ran itself; use that where it can be used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from spectrack import __version__
from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.submissions.archive import Pack, PackWriter
from spectrack.evaluation.submissions.base import Job, tell
from spectrack.exports.vot import region_line
from spectrack.structures import Box
from spectrack.tracks import Track
from spectrack.video.vot_regions import FAILED, STARTED, Region, VotMask, parse_region

MANIFEST = "manifest.yml"
FARTHEST = 100_000
"""Numbers of a region are no larger: no video has as many pixels."""
_ANCHORED = re.compile(r"_(\d{8})\.txt$")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def write(job: Job, pack: PackWriter) -> None:
    """Pack the runs of every sequence.

    Raises:
        InputError: If a result is missing, or the tracker's name cannot be that of a folder.
    """
    if not _NAME.fullmatch(job.tracker):
        raise InputError(f"tracker {job.tracker!r} cannot name a folder; use letters and digits")
    experiments = set()
    for number, sequence in enumerate(job.dataset.values(), start=1):
        experiment, files = runs_of(job.results / sequence.name, sequence)
        experiments.add(experiment)
        for name, lines in files.items():
            pack.lines(f"results/{job.tracker}/{experiment}/{sequence.name}/{name}", lines)
        job.progress(number, len(job.dataset))
    if len(experiments) > 1:
        raise InputError(f"{job.results} mixes ways of running; give results of one")
    told = {
        "tracker": job.tracker,
        "dataset": job.dataset.name,
        "experiments": sorted(experiments),
        "spectrack": __version__,
    }
    pack.lines(MANIFEST, (f"{key}: {json.dumps(value)}" for key, value in told.items()))


def runs_of(folder: Path, sequence: VideoSequence) -> tuple[str, dict[str, list[str]]]:
    """The experiment, and the lines of every file of a sequence.

    Raises:
        InputError: If there is no result.
    """
    kept = sorted(folder.glob(f"{sequence.name}_*.txt"))
    if kept:
        return "baseline", {path.name: path.read_text().splitlines() for path in kept}
    track = Track.load(folder)
    masked = any(e.mask is not None and e.mask.area for e in track)
    lines = [region_line(entry, masked) for entry in track]
    return "unsupervised", {f"{sequence.name}_001.txt": [str(STARTED), *lines[1:]]}


def check(job: Job, pack: Pack) -> Iterator[str]:
    """What is wrong with a pack for VOT."""
    if MANIFEST not in pack.names:
        yield f"{MANIFEST} is missing; pack it beside results"
    found: dict[str, list[str]] = {name: [] for name in job.dataset}
    for name in pack.names:
        parts = name.split("/")
        if name == MANIFEST:
            continue
        if len(parts) != 5 or parts[0] != "results" or parts[3] not in found:
            yield f"{name} does not belong there; expected results/TRACKER/EXPERIMENT/SEQ/FILE"
        elif not (_ANCHORED.search(name) or name.endswith(f"/{parts[3]}_001.txt")):
            yield f"{name} is no run of sequence {parts[3]}; expected {parts[3]}_001.txt"
        else:
            found[parts[3]].append(name)
    for number, (key, names) in enumerate(found.items(), start=1):
        if not names:
            yield f"sequence {key} has no run; give one for every sequence"
        for name in names:
            yield from tell(partial(_check_run, pack, name, job.dataset[key]))
        job.progress(number, len(found))


def _check_run(pack: Pack, name: str, sequence: VideoSequence) -> Iterator[str]:
    lines, total = pack.text(name).splitlines(), len(sequence)
    anchor = _ANCHORED.search(name)
    wanted = {total} if anchor is None else {total - int(anchor[1]), int(anchor[1]) + 1}
    if len(lines) not in wanted:
        counts = " or ".join(map(str, sorted(wanted)))
        yield f"{name} has {len(lines)} lines; expected {counts}, one a frame"
        return
    started = False
    for number, line in enumerate(lines, start=1):
        where = f"line {number} of {name}"
        try:
            region = parse_region(line)
        except InputError as error:
            yield f"{where}: {error}"
            return
        if isinstance(region, int):
            started = started or region == STARTED
            if region == FAILED and not started:
                yield f"{where} is a failure before the tracker was started; give 1 where it was"
                return
            continue
        if not started:
            yield f"{where} is a region before the tracker was started; give 1 where it was"
            return
        if _far(region):
            yield f"{where} lies far out of every video; give pixels of the frame"
            return


def _far(region: Region) -> bool:
    if isinstance(region, Box):
        return max(map(abs, region)) > FARTHEST
    if isinstance(region, VotMask):
        return max(abs(region.x), abs(region.y), *region.inside_hw.shape) > FARTHEST
    if region is None or isinstance(region, int):
        return False
    return bool(np.abs(region).max() > FARTHEST)
