"""Scores of folders and tracks, and of published results."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.davis import Davis2016
from spectrack.errors import InputError
from spectrack.evaluation.results import Result
from spectrack.evaluation.score import Scores, score_folder, score_result, score_track
from spectrack.metrics.consistency import tcont
from spectrack.structures import Box
from spectrack.tracks import write_index_png


def expected_jaccard(clip, shift=1):
    moved = np.roll(clip.masks_thw, shift, axis=2)[1:-1]
    truth = clip.masks_thw[1:-1]
    return (moved & truth).sum((1, 2)) / (moved | truth).sum((1, 2))


def test_folder_in_davis_layout(result_folder, ponds, clips):
    seen = []
    scores = score_folder(result_folder, ponds, progress=lambda *step: seen.append(step))
    assert seen == [("koi", 1, 2), ("carp", 2, 2)]
    assert scores.measures == ["J", "F", "box_iou"]
    assert (scores.result, scores.dataset) == ("results", "ponds")
    for score in scores.sequences:
        clip = clips[score.name]
        assert score.stems == clip.stems[1:-1]
        np.testing.assert_allclose(score.values["J"], expected_jaccard(clip))
        assert score.values["F"].tolist() == [1.0] * 5  # a pixel is within the tolerance
        truth = clip.boxes[1:-1]
        shifted = [Box(b.x + 1, b.y, b.w, b.h) for b in truth]
        overlap = [a.iou(b) for a, b in zip(truth, shifted, strict=True)]
        np.testing.assert_allclose(score.values["box_iou"], overlap)
    means = [expected_jaccard(clip).mean() for clip in clips.values()]
    assert scores.mean("J") == pytest.approx(np.mean(means))
    assert scores.fps is None


def test_first_and_last_frame_may_be_missing(result_folder, ponds):
    before = score_folder(result_folder, ponds)
    for name in ponds:
        (result_folder / name / "00000.png").unlink()
        (result_folder / name / "00006.png").unlink()
    after = score_folder(result_folder, ponds)
    assert after.mean("J") == before.mean("J")


def test_the_last_frame_must_be_there_where_it_counts(result_folder, ponds):
    """By DAVIS it does not count, by the protocols of boxes it does, and VOT's masks have it."""
    assert score_folder(result_folder, ponds, protocol="vot").sequences[0].stems[-1] == "00006"
    (result_folder / "koi" / "00006.png").unlink()
    score_folder(result_folder, ponds, protocol="davis")
    for protocol in ("otb", "lasot", "vot"):
        with pytest.raises(InputError, match="lacks frames 00006 of sequence 'koi'"):
            score_folder(result_folder, ponds, protocol=protocol)


def test_missing_frames_and_sequences_are_named(result_folder, ponds):
    for t in (2, 4):
        (result_folder / "carp" / f"{t:05d}.png").unlink()
    with pytest.raises(InputError, match="lacks frames 00002, 00004 of sequence 'carp'"):
        score_folder(result_folder, ponds)
    (result_folder / "carp").rename(result_folder / "other")
    with pytest.raises(InputError, match="lacks sequence 'carp'"):
        score_folder(result_folder, ponds)
    with pytest.raises(InputError, match="not a folder"):
        score_folder(result_folder / "nothing", ponds)


def test_long_lists_of_missing_frames_are_cut(result_folder, clips):
    sequence = clips["koi"].sequence("koi")
    stems = tuple(f"{i:05d}" for i in range(100, 130))
    longer = VideoSequence("koi", stems, sequence.open_frames, lambda _: sequence.truth_mask(0))
    with pytest.raises(InputError, match="00105 and 23 more"):
        score_folder(result_folder, Dataset("ponds", [longer]))


def test_masks_of_another_size_are_named(result_folder, ponds):
    write_index_png(result_folder / "koi" / "00003.png", np.ones((10, 10), np.uint8))
    with pytest.raises(InputError, match=r"frame 00003 of sequence 'koi'.*one size"):
        score_folder(result_folder, ponds)


def test_corrupt_masks_are_named(result_folder, ponds):
    path = result_folder / "koi" / "00003.png"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError, match=r"00003\.png"):
        score_folder(result_folder, ponds)


def test_every_object_id_is_foreground_and_soft_masks_are_cut(tmp_path, clips):
    clip = clips["koi"]
    folder = tmp_path / "koi"
    folder.mkdir()
    for t, (stem, mask) in enumerate(zip(clip.stems, clip.masks_thw, strict=True)):
        if t % 2:
            write_index_png(folder / f"{stem}.png", np.where(mask, 7, 0).astype(np.uint8))
        else:
            soft = np.where(mask, 200, 60).astype(np.uint8)
            soft[0, :3] = (0, 10, 120)
            Image.fromarray(soft).save(folder / f"{stem}.png")
    scores = score_folder(tmp_path, Dataset("ponds", [clip.sequence("koi")]))
    assert scores.mean("J") == 1


def test_a_soft_mask_that_fades_is_not_taken_for_ids(tmp_path, clips):
    """Its folder tells that it is soft, not its own few and low levels."""
    clip = clips["koi"]
    folder = tmp_path / "koi"
    folder.mkdir()
    for t, (stem, mask) in enumerate(zip(clip.stems, clip.masks_thw, strict=True)):
        soft = np.where(mask, 200, 5 * (t % 2)).astype(np.uint8)
        if t == 3:
            soft = np.where(mask, 9, 3).astype(np.uint8)
        soft[0, 0] = 12
        Image.fromarray(soft).save(folder / f"{stem}.png")
    score = score_folder(tmp_path, Dataset("ponds", [clip.sequence("koi")])).sequences[0]
    assert score.values["J"].tolist() == [1, 1, 0, 1, 1]


@pytest.mark.parametrize("turn", range(6))
def test_what_files_are_does_not_depend_on_their_order_on_disk(tmp_path, monkeypatch, turn):
    """One soft file among those that a look over the folder takes in makes all of them soft."""
    count, mask = 60, np.zeros((20, 30), bool)
    mask[5:10, 5:10] = True
    stems = tuple(map(str, range(count)))
    (tmp_path / "koi").mkdir()
    for t, stem in enumerate(stems):
        grey = np.where(mask, 90 if t == 30 else 200, 0).astype(np.uint8)
        if t == 7:
            grey[0, :20] = np.arange(20)
        Image.fromarray(grey).save(tmp_path / "koi" / f"{stem}.png")
    files = sorted((tmp_path / "koi").iterdir(), key=lambda path: int(path.stem))
    shuffled = [files[i] for i in np.random.default_rng(turn).permutation(count)]
    monkeypatch.setattr(type(tmp_path), "glob", lambda *_: iter(shuffled))
    sequence = VideoSequence("koi", stems, lambda: None, lambda t: mask)
    score = score_folder(tmp_path, Dataset("ponds", [sequence])).sequences[0]
    assert score.values["J"][29] == 0  # 90 is below one half


def test_track_equals_folder(result_folder, ponds, clips, track_of):
    moved = np.roll(clips["koi"].masks_thw, 1, axis=2)
    score = score_track(track_of(moved), ponds["koi"])
    folder = score_folder(result_folder, ponds).sequences[0]
    for measure in ("J", "F", "box_iou"):
        np.testing.assert_array_equal(score.values[measure], folder.values[measure])
    with pytest.raises(InputError, match="6 frames but sequence 'koi' has 7"):
        score_track(track_of(moved[1:]), ponds["koi"])


def test_result_folder_of_a_track_is_read(tmp_path, ponds, clips, track_of):
    """``track --out RESULTS/SEQ``: masks in a folder of their own, boxes beside them."""
    for name, clip in clips.items():
        track_of(clip.masks_thw).save(tmp_path / name)
    assert score_folder(tmp_path, ponds).mean("J") == 1
    boxes = tmp_path / "koi" / "boxes.csv"
    lines = boxes.read_text().splitlines()
    lines[3] = "00002,1,,,,,0.1,0"  # the track's own answer counts, not the mask's box
    boxes.write_text("\n".join(lines) + "\n")
    score = score_folder(tmp_path, ponds).sequences[0]
    assert score.values["box_iou"].tolist() == [1, 0, 1, 1, 1]
    boxes.write_text("frame,object\n00000,1\n")
    with pytest.raises(InputError, match=r"boxes\.csv cannot be read"):
        score_folder(tmp_path, ponds)


def test_boxes_alone_have_no_j(clips, ponds, track_of):
    score = score_track(track_of(clips["koi"].masks_thw, boxes_only=True), ponds["koi"])
    assert set(score.values) == {"box_iou"}
    assert score.values["box_iou"].tolist() == [1.0] * 5
    scores = Scores("boxes", "ponds", (score,))
    assert scores.measures == ["box_iou"]


def test_frames_without_truth_have_no_score(clips, track_of):
    clip = clips["koi"]
    known = clip.sequence("koi")
    holes = VideoSequence(
        "koi", known.stems, known.open_frames, lambda i: None if i == 3 else clip.masks_thw[i]
    )
    score = score_track(track_of(clip.masks_thw), holes)
    np.testing.assert_array_equal(score.values["J"], [1, 1, np.nan, 1, 1])
    assert score.summary("J").frames == 4


def test_consistency_uses_the_flow_of_the_frames(result_folder, ponds, clips, track_of):
    """The same numbers as the metric on flows found here; ends that are missing have none."""
    clip = clips["koi"]

    def flow(first, second):
        shift = float(first.mean() - second.mean())
        return np.full((*first.shape[:2], 2), shift, np.float32)

    result = Result.of_folder(result_folder, ponds["koi"])
    score = score_result(result, ponds["koi"], consistency=True, estimator=flow)
    frames, masks = clip.frames_thwc, np.roll(clip.masks_thw, 1, axis=2)
    forward = [flow(a, b) for a, b in pairwise(frames)]
    backward = [-f for f in forward]
    expected = tcont(masks, forward, backward, clip.masks_thw)
    np.testing.assert_allclose(score.values["tcont"], expected)
    np.testing.assert_allclose(score.values["tcont_self"], tcont(masks, forward, backward))
    (result_folder / "koi" / "00006.png").unlink()
    result = Result.of_folder(result_folder, ponds["koi"])
    score = score_result(result, ponds["koi"], consistency=True, estimator=flow)
    np.testing.assert_allclose(score.values["tcont"][:-1], expected[:-1])
    assert np.isnan(score.values["tcont"][-1])


def test_true_masks_are_consistent(clips, ponds, track_of):
    score = score_track(track_of(clips["carp"].masks_thw), ponds["carp"], consistency=True)
    assert score.summary("tcont").mean > 0.85
    np.testing.assert_array_equal(score.values["tcont"], score.values["tcont_self"])


def test_speed_is_that_of_the_work_not_of_the_video(clips, ponds, track_of):
    track = track_of(clips["koi"].masks_thw)
    track.info["fps"] = 25.0
    assert score_track(track, ponds["koi"]).fps is None
    track.info["seconds"] = 3.5
    assert score_track(track, ponds["koi"]).fps == 2


def test_short_sequences_are_refused(clips, track_of):
    clip = clips["koi"]
    known = clip.sequence("koi")
    short = VideoSequence("koi", known.stems[:2], known.open_frames, known.read_mask)
    with pytest.raises(InputError, match="no frame with truth that is scored"):
        score_track(track_of(clip.masks_thw[:2]), short)


@pytest.mark.data
@pytest.mark.parametrize("method", ["stm", "premvos", "cut"])
def test_published_numbers(davis_root, method):
    """J and F of every frame as DAVIS publishes them, to their three decimals."""
    results = davis_root / "Results"
    published = json.loads((results / "official_per_frame.json").read_text())[method]
    davis = Davis2016(davis_root, sequences=["libby", "breakdance"])
    for score in score_folder(results / "480p" / method, davis).sequences:
        for measure in ("J", "F"):
            np.testing.assert_allclose(
                score.values[measure], published[score.name][measure], atol=0.000501
            )
