"""The jobs of the worker that computes, one function each.

Each takes its job, ``tell(what, *values)`` for what it has to say meanwhile, and ``check()``, which
waits while the job is held and raises where it is to end.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spectrack.api import fuse_all, open_frames, refine_all
from spectrack.api import segment as segment_picture
from spectrack.app.engine import Engine, tracking_key
from spectrack.app.jobs import Export, MakeLayer, Publish, Run, Segment
from spectrack.app.keys import Key
from spectrack.errors import InputError
from spectrack.storage import PART
from spectrack.structures import Mask, Prediction
from spectrack.tracking.doubts import doubt_info
from spectrack.tracking.journal import plain_entry
from spectrack.tracking.keys import told
from spectrack.tracking.span_answers import SpanAnswers, joined_parts
from spectrack.tracks import Entry, Track, Tracks

NOT_THERE = Entry(None, None, 0.0, False)
"""What is known of an object where nobody has looked, or that is gone."""

Tell = Callable[..., None]
Check = Callable[[], None]


def run_spans(job: Run, tell: Tell, check: Check) -> int:
    """Follow objects through spans; how many were worked on."""
    with open_frames(str(job.video)) as frames:
        engine = Engine(frames, job.tracker, job.passes)
        done = 0
        for place, span in enumerate(job.spans):
            # What an earlier span has come to on its way counts for later ones.
            total = done + sum(engine.work(later) for later in job.spans[place:])
            digest = span.digest(job.tracker)

            def take(frame: int, answer: Prediction, way: str) -> None:
                check()
                nonlocal done
                done += 1
                hard = answer.hard_mask()
                mask = None if hard is None else Mask.encode(hard)
                entry = Entry(answer.box, mask, float(answer.score), bool(answer.found))
                tell("answer", digest, frame, plain_entry(entry), way)  # noqa: B023
                tell("progress", done, max(done, total))  # noqa: B023

            check()
            engine.answer(span, take).save(job.folder / f"{digest}.json")
            tell("span", digest)
    return len(job.spans)


def segment(job: Segment, tell: Tell, check: Check) -> dict[str, Any]:
    """The mask of what was clicked, as a key has it."""
    del tell, check
    points = [(click.x, click.y, click.inside) for click in job.clicks]
    before = None if job.mask is None else job.mask.decode()
    with open_frames(str(job.video)) as frames:
        found = segment_picture(frames[job.frame], job.box, points=points, mask=before)
    if not found.any():
        raise InputError("these clicks leave nothing of the mask; mark the object as gone instead")
    return Key("mask", Mask.encode(found), clicks=job.clicks).plain()


def make_layer(job: MakeLayer, tell: Tell, check: Check) -> str:
    """Masks as a result folder, whole or not at all; its name."""

    def progress(done: int, total: int | None) -> None:
        check()
        tell("progress", done, total)

    video = str(job.video)
    if job.how == "fuse":
        tracks = fuse_all(job.sources, video, progress=progress)
    elif job.how == "refine":
        (source,) = job.sources.values()
        tracks = refine_all(source, video, fixed=known_frames(source), progress=progress)
    else:
        (source,) = job.sources.values()
        tracks = _loaded(source, video, progress)
    save_whole(tracks, job.out)
    return job.out.name


def known_frames(result: Path) -> dict[int, list[int]]:
    """Object id to the frames whose masks somebody gave or corrected, as a result folder tells."""
    keys = {i: one.info.get("keyframes", {}) for i, one in Tracks.load(result).items()}
    return {
        object_id: [int(f) for f, key in told.items() if isinstance(key, dict) and key["mask"]]
        for object_id, told in keys.items()
    }


def _loaded(source: Path, video: str, progress: Callable[[int, int | None], None]) -> Tracks:
    """Masks of any method as tracks."""
    from spectrack.video.soft_masks import open_masks

    with open_frames(video) as frames:
        tracks = {}
        total = frames.length or 0
        stems = frames.stems or [f"{index:05d}" for index in range(total)]
        for key, soft_masks in open_masks(source, frames, None, False).items():
            track = tracks[key] = Track(frames.size_wh, info={"source": str(source.name)})
            for index, stem in enumerate(stems):
                soft_hw = soft_masks[index]
                if soft_hw is None or not (soft_hw >= 0.5).any():
                    track.append(Prediction(None, None, 0.0, False), stem)
                else:
                    hard = soft_hw >= 0.5
                    track.append(Prediction(Mask.encode(hard).box, hard), stem)
                progress(index + 1, total)
    return Tracks(tracks)


def publish(job: Publish, tell: Tell, check: Check) -> str:
    """Answers put together as a result folder, or none where there is no object; its name."""
    del tell
    tracks: dict[int, Track] = {}
    for object_id, spans in job.spans.items():
        entries: list[Entry] = []
        whole: list[SpanAnswers] = []
        for start, stop, path in spans:
            answers = SpanAnswers.load(path, stop - start, job.size_wh)
            whole += [] if answers is None else [answers]
            found = [NOT_THERE] * (stop - start)
            if answers is not None:
                found = answers.raw if job.raw else answers.clean
            entries += found
        entries = entries or [NOT_THERE] * len(job.stems)
        keys = {frame: Key.from_plain(plain) for frame, plain in job.keys[object_id].items()}
        for frame, key in keys.items():
            known = entry_of_key(key)
            entries[frame] = entries[frame] if known is None else known
        check()
        track = tracks[object_id] = Track(job.size_wh, list(job.stems), entries, dict(job.info))
        track.info["keyframes"] = {str(f): told(tracking_key(k)) for f, k in sorted(keys.items())}
        track.info["complete"] = bool(spans) and len(whole) == len(spans)
        if track.info["complete"]:
            given = [frame for frame, key in keys.items() if key.mask is not None]
            track.info |= doubt_info(track, joined_parts(whole), given)
    for object_id, before in _kept(job).items():
        if object_id not in tracks or before.info.get("complete") is True:
            before.info |= job.info
            tracks[object_id] = before
    if tracks:
        save_whole(Tracks(dict(sorted(tracks.items()))), job.out)
    else:
        shutil.rmtree(job.out, ignore_errors=True)
    return job.out.name


def _kept(job: Publish) -> dict[int, Track]:
    """What an earlier result of the same tracker holds of the objects to keep."""
    if not job.keep:
        return {}
    try:
        found = Tracks.load(job.out)
    except InputError:
        return {}
    tracker = job.info["tracker"]
    return {i: found[i] for i in job.keep if i in found and found[i].info.get("tracker") == tracker}


def entry_of_key(key: Key) -> Entry | None:
    """What a key frame says by itself: its mask, or that the object is gone; None for a box."""
    if key.kind == "gone":
        return NOT_THERE
    return None if key.mask is None else Entry(key.mask.box, key.mask, 1.0, True)


def export(job: Export, tell: Tell, check: Check) -> str:
    """A result in a format for others; the name of the file."""
    del tell
    check()
    from spectrack.app.exporting import write_export

    write_export(job.result, job.video, job.format, job.out)
    return job.out.name


def save_whole(tracks: Tracks, out: Path) -> None:
    """Write a result folder aside and put it in its place when it is whole."""
    part = out.with_name(out.name + PART)
    shutil.rmtree(part, ignore_errors=True)
    try:
        tracks.save(part)
        if out.exists():
            shutil.rmtree(out)
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
