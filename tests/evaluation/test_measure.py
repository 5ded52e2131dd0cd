"""Masks of several objects against the truth, without a data set: by hand, and by the command."""

from __future__ import annotations

import json

import numpy as np
import pytest

import spectrack as st
from mask_folders import SIZE_WH, id_map, write_sequence
from spectrack.errors import InputWarning
from spectrack.metrics.boundary import boundary_f
from spectrack.metrics.regions import jaccard
from spectrack.structures import Box, Prediction
from spectrack.tracks import Track, Tracks, write_index_png

STEMS = [f"{t:05d}" for t in range(6)]
APE = [(1, 2 + t, 3, 8, 7) for t in range(6)]
CAT = [(2, 18 - t, 10, 6, 6) for t in range(6)]
TRUTH = [id_map(APE[0]), *[id_map(ape, cat) for ape, cat in zip(APE[1:], CAT[1:], strict=True)]]
"""The ape is there in every frame, the cat from the second on; late in the video they meet."""


@pytest.fixture
def root(tmp_path):
    """The truth in the layout of MOSE."""
    write_sequence(tmp_path / "mose" / "valid", "JPEGImages", "Annotations", "zoo", TRUTH, STEMS)
    return tmp_path / "mose"


def moved(index, object_id):
    """The answer for an object: two columns off."""
    return np.roll(TRUTH[index] == object_id, 2, axis=1)


@pytest.fixture
def tracks():
    """Both objects; where they overlap the cat is the surer one."""
    found = {1: Track(SIZE_WH), 2: Track(SIZE_WH)}
    for index, stem in enumerate(STEMS):
        for object_id, track in found.items():
            mask = moved(index, object_id)
            box = Box.from_mask(mask)
            track.append(Prediction(box, mask, object_id / 4, found=box is not None), stem)
    return Tracks(found)


def by_hand(measure):
    """Means over the frames behind the first of each object, without the last; then over both."""
    means = []
    for object_id, frames in ((1, range(1, 5)), (2, range(2, 5))):
        values = []
        for t in frames:
            answer = moved(t, object_id)
            if object_id == 1:
                answer = answer & ~moved(t, 2)
            values.append(measure(answer, TRUTH[t] == object_id))
        means.append(np.mean(values))
    return np.mean(means)


def test_objects_weigh_the_same_and_count_behind_their_first_frame(root, tracks):
    truth = root / "valid" / "Annotations" / "zoo"
    scores = st.evaluate(tracks, truth)
    assert scores["J"] == pytest.approx(by_hand(jaccard), abs=1e-12)
    assert scores["F"] == pytest.approx(by_hand(boundary_f), abs=1e-12)
    assert 0 < scores["J"] < 1
    assert st.evaluate(truth, truth) == {"J": 1, "F": 1, "box_iou": 1}


def test_the_command_says_the_same(root, tracks, spectrack, tmp_path):
    folder = tmp_path / "results" / "zoo"
    tracks.save(folder)
    data = ("--dataset", "mose", "--root", root, "--json")
    said = json.loads(spectrack("evaluate", "--results", tmp_path / "results", *data).out)
    assert list(said["sequences"]) == ["zoo/1", "zoo/2"]
    truth = root / "valid" / "Annotations" / "zoo"
    wanted = {name: said["mean"][name]["mean"] for name in ("J", "F", "box_iou")}
    assert st.evaluate(tracks, truth) == pytest.approx(wanted, abs=1e-12)
    # A folder has no boxes of its own: those of its masks are taken.
    masks = st.evaluate(folder / "masks", truth)
    assert (masks["J"], masks["F"]) == pytest.approx((wanted["J"], wanted["F"]), abs=1e-12)


def test_an_object_without_an_answer_has_empty_masks(root, tracks, tmp_path):
    truth = root / "valid" / "Annotations" / "zoo"
    both = Tracks({1: tracks[1], 2: tracks[2]})
    alone = st.evaluate(tracks[2], truth)  # one track is object 1, where there is hardly anything
    assert alone["J"] < st.evaluate(both, truth)["J"] / 4
    for index, stem in enumerate(STEMS):
        only = np.where(TRUTH[index] == 2, 2, 0).astype(np.uint8)
        (tmp_path / "cat").mkdir(exist_ok=True)
        write_index_png(tmp_path / "cat" / f"{stem}.png", only)
    assert st.evaluate(tmp_path / "cat", truth)["J"] == 0.5  # the cat is perfect, the ape is not


def test_a_late_object_alone_is_scored_as_it_is_beside_others(root, tracks):
    """Behind the frame in which the truth first shows it, whatever was said before."""
    truth = np.stack([ids == 2 for ids in TRUTH])
    answer = np.stack([moved(t, 2) for t in range(len(TRUTH))])
    answer[0, :5] = True
    wanted = [jaccard(answer[t], truth[t]) for t in range(2, 5)]
    assert st.evaluate(answer, truth)["J"] == pytest.approx(np.mean(wanted))
    with pytest.raises(st.InputError, match="the truth holds no object"):
        st.evaluate(answer, np.zeros_like(truth))
    truth[:4] = False
    with pytest.raises(st.InputError, match="the truth shows its object only in the last frames"):
        st.evaluate(answer, truth)


def test_an_object_that_is_seen_too_late_is_told():
    truth = np.stack(TRUTH) * (np.stack(TRUTH) == 1)
    truth[-1, 12:] = 2
    with pytest.warns(InputWarning, match="the video/2 cannot be scored"):
        assert st.evaluate(truth, truth)["J"] == 1


def test_consistency_of_several(root, tracks):
    truth = root / "valid" / "Annotations" / "zoo"
    scores = st.evaluate(tracks, truth, root / "valid" / "JPEGImages" / "zoo")
    assert set(scores) == {"J", "F", "box_iou", "tcont", "tcont_self"}
    assert scores["J"] == pytest.approx(by_hand(jaccard), abs=1e-12)
    assert 0 < scores["tcont"] < 1


def test_several_answers_for_one_object_are_told(tracks):
    truth = np.stack([ids == 1 for ids in TRUTH])
    with pytest.raises(st.InputError, match="holds objects 1, 2 but the truth one"):
        st.evaluate(tracks, truth)


def test_object_ids_in_memory_are_objects(root):
    """As the same numbers in a folder of masks are."""
    truth = root / "valid" / "Annotations" / "zoo"
    ids = np.stack([moved(t, 1) + 2 * moved(t, 2) * ~moved(t, 1) for t in range(len(TRUTH))])
    ids = ids.astype(np.uint8)
    scores = st.evaluate(ids, truth)
    assert scores == st.evaluate(ids, np.stack(TRUTH))
    assert 0 < scores["J"] < 1
    assert st.evaluate(np.stack(TRUTH), truth)["J"] == 1
