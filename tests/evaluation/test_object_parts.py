"""Runs that are stopped between the objects of a sequence: what is done is not done again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from result_bytes import content, told
from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.answers import answer_of_track
from spectrack.evaluation.following import follow, follow_job
from spectrack.evaluation.method import Method
from spectrack.evaluation.runner import alone, run_dataset, run_work
from spectrack.tracking.loop import run_many
from spectrack.tracking.table import TRACKERS, TrackerEntry
from spectrack.video.frames import ArrayFrames
from still_tracker import UnevenTracker

FRAMES = 9


def crowd(name="crowd", starts=(0, 2, 0), frames=FRAMES):
    """Three blocks that overlap, the second of them late, over noise."""
    noise = np.random.default_rng(0).integers(0, 255, (frames, 40, 60, 3), dtype=np.uint8)

    def mask(index, object_id):
        out = np.zeros((40, 60), bool)
        if index >= starts[object_id - 1]:
            out[5:25, 9 * object_id : 9 * object_id + 16] = True
        return out

    return VideoSequence(
        name,
        tuple(f"{t:03d}" for t in range(frames)),
        lambda: ArrayFrames(noise),
        read_mask=lambda t: np.any([mask(t, i) for i in (1, 2, 3)], axis=0),
        read_object=mask,
        starts=dict(enumerate(starts, 1)),
    )


@pytest.fixture
def uneven(monkeypatch):
    entry = TrackerEntry("still_tracker:UnevenTracker", "scores of its own", "masks")
    monkeypatch.setitem(TRACKERS, "uneven", entry)
    monkeypatch.setattr(UnevenTracker, "started", ())
    return UnevenTracker


@pytest.fixture(params=[False, True], ids=["as it is", "filtered"])
def method(request, uneven):
    return Method("uneven", from_mask=True, clean=request.param)


def run(method, dataset, out):
    return run_work(
        lambda job: follow_job(method, dataset[job.split("/")[0]], job),
        dataset,
        out,
        method.describe(),
        alone,
    )


def test_a_run_goes_on_with_the_objects_that_lack_an_answer(method, uneven, tmp_path, monkeypatch):
    dataset = Dataset("ponds", [crowd(), crowd("next")])
    whole, out = tmp_path / "whole", tmp_path / "out"
    run(method, dataset, whole)
    assert uneven.started == (9, 18, 27) * 2
    with monkeypatch.context() as patched:
        patched.setattr(uneven, "fails_at", 18)
        with pytest.raises(KeyboardInterrupt):
            run(method, dataset, out)
    assert [p.name for p in out.iterdir() if p.is_dir()] == ["crowd.objects.part"]
    monkeypatch.setattr(uneven, "started", ())
    runs = run(method, dataset, out)
    assert uneven.started == (18, 27, 9, 18, 27)  # the first object of the first sequence is there
    assert [(r.name, r.frames, r.resumed) for r in runs] == [
        ("crowd", FRAMES, False),
        ("next", FRAMES, False),
    ]
    assert content(out) == content(whole)
    assert told(out / "crowd") == told(whole / "crowd")
    assert not list(out.rglob("*.part"))
    assert all(r.resumed for r in run(method, dataset, out))


def test_objects_one_by_one_are_what_one_pass_gives(method, uneven, tmp_path):
    """All trackers side by side over one decoding, as `spectrack track` runs them."""
    sequence = crowd()
    targets = sequence.targets(give_mask=True)
    with sequence.frames() as frames:
        tracks = run_many(
            {i: uneven() for i in targets},
            frames,
            targets,
            clean=method.clean,
            starts=sequence.starts,
        )
    wanted = answer_of_track(tracks, sequence, 1.0)
    run(method, Dataset("ponds", [sequence]), tmp_path / "out")
    found = content(tmp_path / "out" / "crowd")
    assert found == {name: v for name, v in wanted.files.items() if name != "track.json"}
    assert found["004.png"] != found["000.png"]  # the second object is there by then
    (tmp_path / "joint").mkdir()
    (tmp_path / "joint" / "track.json").write_bytes(wanted.files["track.json"])
    assert told(tmp_path / "out" / "crowd") == told(tmp_path / "joint")
    again = follow(method, sequence)
    assert {k: again.files[k] for k in found} == found


def test_a_run_that_was_stopped_after_the_last_object(uneven, tmp_path, monkeypatch):
    method, dataset = Method("uneven", from_mask=True, clean=False), Dataset("ponds", [crowd()])
    with monkeypatch.context() as patched:
        patched.setattr("spectrack.evaluation.runner._put_together", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(method, dataset, tmp_path)
    monkeypatch.setattr(uneven, "started", ())
    assert [r.frames for r in run(method, dataset, tmp_path)] == [FRAMES]
    assert uneven.started == ()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["crowd", "run.json"]


def _interrupted(*_):
    raise KeyboardInterrupt


def test_objects_that_are_damaged_are_followed_again(uneven, tmp_path, monkeypatch):
    method, dataset = Method("uneven", from_mask=True, clean=False), Dataset("ponds", [crowd()])
    with monkeypatch.context() as patched:
        patched.setattr(uneven, "fails_at", 27)
        with pytest.raises(KeyboardInterrupt):
            run(method, dataset, tmp_path)
    parts = tmp_path / "crowd.objects.part"
    assert sorted(p.name for p in parts.iterdir()) == [
        *("1.json", "1.soft"),
        *("2.json", "2.soft"),
    ]
    whole = (parts / "2.json").read_bytes()
    (parts / "2.json").write_bytes(whole[: len(whole) // 2])
    monkeypatch.setattr(uneven, "started", ())
    with pytest.raises(InputError, match="holds objects of 9 frames but sequence 'crowd' has 7"):
        run(method, Dataset("ponds", [crowd(frames=7)]), tmp_path)
    assert uneven.started == (18, 27)


def test_what_follows_all_objects_at_once_is_one_unit(uneven, tmp_path):
    """Then a sequence that was stopped is done anew: nothing is kept of it."""
    method, asked = Method("uneven", from_mask=True, clean=False), []

    def jointly(sequence):
        asked.append(sequence.name)
        if len(asked) == 1:
            raise KeyboardInterrupt
        return follow(method, sequence)

    dataset = Dataset("ponds", [crowd()])
    with pytest.raises(KeyboardInterrupt):
        run_dataset(jointly, dataset, tmp_path, {})
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == []
    assert [r.frames for r in run_dataset(jointly, dataset, tmp_path, {})] == [FRAMES]
    assert asked == ["crowd", "crowd"]


def test_sequences_that_cannot_be_followed_are_named(uneven):
    """No object is given, or frames are of other pixels than the truth."""
    method = Method("uneven", clean=False)
    with pytest.raises(InputError, match="sequence 'crowd' has no object that is given"):
        follow_job(method, replace(crowd(), starts={}), "crowd")
    small = ArrayFrames(np.zeros((FRAMES, 20, 30, 3), np.uint8))
    with pytest.raises(InputError, match="is 60x40 but its frames are 30x20; follow in frames of"):
        follow_job(method, replace(crowd(), open_frames=lambda: small), "crowd")
