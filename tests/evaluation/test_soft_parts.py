"""Objects that are followed one by one share pixels as in one pass: on things that cross."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from result_bytes import content, told
from spectrack.commands.evaluate_run import Hands
from spectrack.datasets.synthetic.things import Things
from spectrack.errors import InputError
from spectrack.evaluation.answers import answer_of_track
from spectrack.evaluation.following import Following, follow
from spectrack.evaluation.method import Data, Method
from spectrack.evaluation.object_parts import (
    ObjectPart,
    answer_of_object,
    keep_object,
    kept_objects,
)
from spectrack.evaluation.runner import alone, run_work
from spectrack.evaluation.soft_parts import SoftKeeper, SoftMasks
from spectrack.structures import ABSENT, Box, Prediction
from spectrack.tracking.joint import FAINT
from spectrack.tracking.loop import run_many
from spectrack.tracking.table import make_tracker
from spectrack.tracks import Track, Tracks, write_index_png

IDS = (2, 3, 10)  # as text they are in another order


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Data:
    """A sequence of three things that cross, the last of which is given late; MOSE's layout."""
    root = tmp_path_factory.mktemp("mose")
    folders = [root / "valid" / kind / "cross" for kind in ("JPEGImages", "Annotations")]
    for folder in folders:
        folder.mkdir(parents=True)
    things = Things(3, (240, 160), crossing=True, period=60)
    for t, (frame, index) in enumerate(things.clip(14)):
        Image.fromarray(frame).save(folders[0] / f"{t:05d}.png")
        named = np.array([0, *IDS], np.uint8)[index]
        write_index_png(folders[1] / f"{t:05d}.png", np.where((named == 10) & (t < 2), 0, named))
    return Data("mose", str(root))


@pytest.fixture(scope="module", params=[False, True], ids=["as it is", "filtered"])
def method(request) -> Method:
    return Method("flow", from_mask=True, clean=request.param)


@pytest.fixture(scope="module")
def sequence(data):
    return data.sequence("cross")


@pytest.fixture(scope="module")
def one_pass(method, sequence) -> Tracks:
    """All objects side by side over one decoding, as `spectrack track` runs them."""
    targets = sequence.targets(give_mask=True)
    assert tuple(targets) == IDS
    with sequence.frames() as frames:
        return run_many(
            {i: make_tracker("flow") for i in targets},
            frames,
            targets,
            clean=method.clean,
            starts=sequence.starts,
        )


def run(method, data, out, team=alone):
    run_work(Following(method, data), data.open(), out, method.describe(), team)


def check_same(folder, one_pass, sequence, tmp_path):
    """Masks, boxes, scores and doubts, all to the last bit."""
    wanted = answer_of_track(one_pass, sequence, 1.0).files
    assert content(folder) == {k: v for k, v in wanted.items() if k != "track.json"}
    other = tmp_path / "wanted"
    other.mkdir()
    (other / "track.json").write_bytes(wanted["track.json"])
    assert told(folder) == told(other)


def stops_before(objects: int):
    """A team that is stopped when so many objects are done."""

    def team(work, names):
        for number, done in enumerate(alone(work, names)):
            if number == objects:
                raise KeyboardInterrupt
            yield done

    return team


def test_masks_are_those_of_one_pass(method, data, sequence, one_pass, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run(method, data, out, stops_before(2))
    parts = kept_objects(out / "cross.objects.part")
    assert list(parts) == [2, 3]
    changed = [t for t in range(14) if parts[2].track[t].mask != one_pass[2][t].mask]
    assert changed  # there is something to share
    assert any((parts[2].track.mask(t) & parts[3].track.mask(t)).any() for t in changed)
    run(method, data, out)
    check_same(out / "cross", one_pass, sequence, tmp_path)
    assert sorted(p.name for p in out.iterdir()) == ["cross", "run.json"]


def test_by_two_processes(method, data, sequence, one_pass, tmp_path):
    run(method, data, tmp_path / "out", Hands(jobs=2, threads=1).team(None))
    check_same(tmp_path / "out" / "cross", one_pass, sequence, tmp_path)


def test_all_objects_of_a_sequence_at_once(method, sequence, one_pass):
    found, wanted = follow(method, sequence), answer_of_track(one_pass, sequence, 1.0)
    for name in set(wanted.files) - {"track.json"}:
        assert found.files[name] == wanted.files[name]


def kept(predictions) -> SoftMasks:
    keeper = SoftKeeper()
    for one in predictions:
        keeper.add({}, {7: one})
    return keeper.masks((20, 12))


def test_masks_come_back_to_the_last_bit_but_for_what_is_faint(rng):
    soft = np.zeros((12, 20), np.float32)
    soft[3:9, 5:15] = rng.random((6, 10), dtype=np.float32) ** 4
    hard = Box(4, 2, 7, 6).fill((20, 12))
    masks = kept(
        [
            ABSENT,
            Prediction(None, soft),
            Prediction(None, hard, 0.3),
            Prediction(None, soft, 0.1, found=False),
            Prediction(None, np.full((12, 20), 0.001, np.float32)),
        ]
    )
    faint = (soft > 0) & (soft <= FAINT)
    assert faint.any()
    assert np.array_equal(masks(1), np.where(faint, 0, soft))
    assert np.array_equal(masks(2), hard)
    assert not masks(4).any()
    assert [masks(t) is None for t in range(5)] == [True, False, False, True, False]


def test_files_that_are_damaged(tmp_path):
    mask = Box(4, 2, 7, 6).fill((20, 12))
    predictions = [Prediction(Box(4, 2, 7, 6), mask)] * 3
    track = Track((20, 12))
    for one in predictions:
        track.append(one)
    answer = answer_of_object(7, ObjectPart(track, 1.0, (7, 8), 0, kept(predictions)))
    keep_object(answer, tmp_path)
    (there,) = kept_objects(tmp_path).values()
    assert np.array_equal(there.soft(2), mask)
    file = tmp_path / "7.soft"
    whole = file.read_bytes()
    file.write_bytes(whole[:-20] + b"\0" * 20)
    with pytest.raises(InputError, match=r"7\.soft is damaged .*; remove it"):
        kept_objects(tmp_path)[7].soft(2)
    file.write_bytes(whole[:-1])
    assert not kept_objects(tmp_path)
    file.unlink()
    assert not kept_objects(tmp_path)
