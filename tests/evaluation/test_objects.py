"""Several objects: late starts, rules of frames, assignment, void, groups, against plain loops."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from PIL import Image

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.errors import InputError, InputWarning
from spectrack.evaluation.report import as_dict, rows_of, tables
from spectrack.evaluation.results import Result
from spectrack.evaluation.score import score_folder, score_objects, score_result
from spectrack.metrics.boundary import boundary_f
from spectrack.metrics.consistency import tcont
from spectrack.metrics.regions import jaccard
from spectrack.metrics.stability import contour_stability
from spectrack.structures import Box, Prediction
from spectrack.tracks import Track, Tracks, write_index_png
from spectrack.video.frames import ArrayFrames

FRAMES, HEIGHT, WIDTH = 8, 40, 60
STEMS = tuple(f"{t:05d}" for t in range(FRAMES))
STARTS = {1: 0, 2: 0, 5: 3}


def scene(seed=0, jitter=0):
    """Ids of three blocks that wander; object 5 appears in frame 3, object 2 leaves in frame 6."""
    rng = np.random.default_rng(seed)
    ids = np.zeros((FRAMES, HEIGHT, WIDTH), np.uint8)
    for t in range(FRAMES):
        for number, (x, y) in {1: (3, 4), 2: (25, 20), 5: (42, 6)}.items():
            if (number == 5 and t < 3) or (number == 2 and t >= 6):
                continue
            dx, dy = rng.integers(-jitter, jitter + 1, 2) if jitter else (0, 0)
            ids[t, y + t + dy : y + t + 12 + dy, x + t + dx : x + t + 10 + dx] = number
    return ids


TRUTH, ANSWER = scene(), scene(3, jitter=2)


def sequence(truth=TRUTH, starts=None, annotated=lambda t: True, **more):
    noise = np.random.default_rng(1).integers(0, 255, (FRAMES, HEIGHT, WIDTH, 3), np.uint8)
    frames = ArrayFrames(noise)

    def read(t):
        return truth[t] if annotated(t) else None

    return VideoSequence(
        "herd",
        STEMS,
        lambda: frames,
        read_mask=lambda t: truth[t] > 0 if annotated(t) else None,
        read_objects=read,
        starts=STARTS if starts is None else starts,
        **more,
    )


@pytest.fixture
def folder(tmp_path):
    out = tmp_path / "mine" / "herd"
    out.mkdir(parents=True)
    for stem, ids in zip(STEMS, ANSWER, strict=True):
        write_index_png(out / f"{stem}.png", ids)
    return tmp_path / "mine"


def by_hand(number, frames, answer=ANSWER, mine=None):
    """J and F of an object, frame by frame."""
    pairs = [(answer[t] == (mine or number), TRUTH[t] == number) for t in frames]
    return [jaccard(*p) for p in pairs], [boundary_f(*p) for p in pairs]


@pytest.mark.parametrize(("protocol", "end"), [(None, 7), ("davis", 7), ("youtube_vis", 8)])
def test_each_object_is_scored_behind_its_start(folder, protocol, end):
    scores = score_folder(folder, Dataset("herds", [sequence()]), protocol=protocol)
    assert [s.name for s in scores.sequences] == ["herd/1", "herd/2", "herd/5"]
    means = []
    for score, (number, start) in zip(scores.sequences, STARTS.items(), strict=True):
        frames = range(start + 1, end)
        j, f = by_hand(number, frames)
        assert score.stems == STEMS[start + 1 : end]
        assert score.values["J"].tolist() == j
        assert score.values["F"].tolist() == f
        boxes = [Box.from_mask(ids[t] == number) for ids in (ANSWER, TRUTH) for t in frames]
        for t, value in enumerate(score.values["box_iou"]):
            a, b = boxes[t], boxes[t + len(frames)]
            assert value == (a.iou(b) if a and b else float(a is b))
        means.append((np.mean(j), np.mean(f)))
    assert scores.mean("J") == pytest.approx(np.mean([j for j, _ in means]))
    assert scores.mean("F") == pytest.approx(np.mean([f for _, f in means]))
    assert as_dict(scores)["sequences"]["herd/5"]["J"]["frames"] == end - 4


def test_tracks_equal_the_folder(folder):
    tracks = {}
    for number in STARTS:
        tracks[number] = Track((WIDTH, HEIGHT), stems=[])
        for ids in ANSWER:
            mask = ids == number
            tracks[number].append(Prediction(Box.from_mask(mask), mask, 1.0, bool(mask.any())))
    given = Result.of_track(Tracks(tracks), sequence())
    files = Result.of_folder(folder, sequence())
    for one, other in zip(*(score_objects(r, sequence()) for r in (given, files)), strict=True):
        for measure in ("J", "F", "box_iou"):
            np.testing.assert_array_equal(one.values[measure], other.values[measure])
    # Saved with its boxes, which then count.
    Tracks(tracks).save(folder / "saved" / "herd")
    path = folder / "saved" / "herd" / "boxes.csv"
    lines = path.read_text().splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("00004,2,"))
    lines[place] = "00004,2,,,,,0.1,0"
    path.write_text("\n".join(lines) + "\n")
    saved = score_objects(Result.of_folder(folder / "saved", sequence()), sequence())
    expected = [s.values["box_iou"].copy() for s in score_objects(given, sequence())]
    expected[1][3] = 0
    for score, values in zip(saved, expected, strict=True):
        np.testing.assert_allclose(score.values["box_iou"], values)


def test_one_track_answers_for_object_one_alone():
    track = Track((WIDTH, HEIGHT))
    for ids in TRUTH:
        track.append(Prediction(Box.from_mask(ids == 1), ids == 1))
    first, second, third = score_objects(Result.of_track(track, sequence()), sequence())
    assert first.values["J"].tolist() == [1] * 6
    assert second.values["J"].tolist() == [0] * 5 + [1]  # gone in the last scored frame
    assert third.values["J"].max() == 0


def test_only_annotated_frames_need_answers(folder):
    """Every second frame has truth, as in YouTube-VOS every fifth."""
    known = sequence(annotated=lambda t: t % 2 == 1)
    for t in (0, 2, 4, 6):
        (folder / "herd" / f"{t:05d}.png").unlink()
    scores = score_folder(folder, Dataset("herds", [known]), protocol="youtube_vos")
    for score, (number, start) in zip(scores.sequences, STARTS.items(), strict=True):
        frames = [t for t in range(start + 1, 8) if t % 2 == 1]
        j, _ = by_hand(number, frames)
        assert score.summary("J").mean == pytest.approx(np.mean(j))
        assert score.summary("J").frames == len(frames)
    (folder / "herd" / "00005.png").unlink()
    with pytest.raises(InputError, match=r"lacks frames 00005 of sequence 'herd'"):
        score_folder(folder, Dataset("herds", [known]), protocol="youtube_vos")


def test_seen_and_unseen_categories(folder):
    herds = Dataset("herds", [sequence(categories={1: "cow", 2: "sheep", 5: "yak"})])
    herds.seen = frozenset({"cow", "sheep"})
    scores = score_folder(folder, herds, protocol="youtube_vos")
    means = {n: [np.mean(v) for v in by_hand(n, range(s + 1, 8))] for n, s in STARTS.items()}
    expected = {
        "J_seen": (means[1][0] + means[2][0]) / 2,
        "J_unseen": means[5][0],
        "F_seen": (means[1][1] + means[2][1]) / 2,
        "F_unseen": means[5][1],
    }
    expected["G"] = sum(expected.values()) / 4
    assert scores.groups() == pytest.approx(expected)
    assert as_dict(scores)["mean"]["G"]["mean"] == pytest.approx(expected["G"])
    assert len(tables(scores)) == 3
    assert score_folder(folder, herds, protocol="davis").groups() == {}
    herds.seen = frozenset({"cow", "sheep", "yak"})
    groups = score_folder(folder, herds, protocol="youtube_vos").groups()
    assert math.isnan(groups["J_unseen"])
    assert math.isnan(groups["G"])


def test_proposals_are_assigned_so_that_the_sum_is_best(folder):
    """Ids changed, one object found in two parts, one that is none: every assignment is tried."""
    rng = np.random.default_rng(4)
    found = np.choose(np.minimum(ANSWER, 3), [0, 7, 2, 9]).astype(np.uint8)
    found[4:][found[4:] == 7] = 1  # the rest of object 1 has another id
    found[:, 33:37, 2:8] = rng.integers(0, 2, (FRAMES, 1, 1)) * 4
    for stem, ids in zip(STEMS, found, strict=True):
        write_index_png(folder / "herd" / f"{stem}.png", ids)
    herds = Dataset("herds", [sequence()])
    scores = score_folder(folder, herds, protocol="davis_unsupervised")
    best = max(
        permutations([1, 2, 4, 7, 9], 3),
        key=lambda order: sum(
            np.mean(by_hand(n, range(STARTS[n] + 1, 7), found, mine))
            for n, mine in zip(STARTS, order, strict=True)
        ),
    )
    for score, number, mine in zip(scores.sequences, STARTS, best, strict=True):
        j, f = by_hand(number, range(STARTS[number] + 1, 7), found, mine)
        assert score.values["J"].tolist() == j
        assert score.values["F"].tolist() == f


def test_an_empty_proposal_is_better_than_a_poor_one(folder):
    """Fewer proposals than objects: empty ones may be assigned, too, and every way is tried."""
    truth = TRUTH.copy()
    truth[2:][truth[2:] == 2] = 0  # object 2 leaves early
    found = np.zeros_like(truth)
    found[:2] = truth[:2] == 2
    found[2:5, :, :10] = truth[2:5, :, :10] == 1  # some of object 1, and then nothing
    for stem, ids in zip(STEMS, found, strict=True):
        write_index_png(folder / "herd" / f"{stem}.png", ids)
    herd = sequence(truth, {1: 0, 2: 0})

    def quality(number, mine):
        pairs = [(found[t] == mine, truth[t] == number) for t in range(1, 7)]
        return np.mean([(jaccard(*p) + boundary_f(*p)) / 2 for p in pairs])

    best = max(permutations([1, 9]), key=lambda way: quality(1, way[0]) + quality(2, way[1]))
    scores = score_folder(folder, Dataset("herds", [herd]), protocol="davis_unsupervised")
    means = [(s.summary("J").mean + s.summary("F").mean) / 2 for s in scores.sequences]
    assert means == pytest.approx([quality(1, best[0]), quality(2, best[1])])
    assert best == (1, 9)
    assert quality(1, 1) < quality(2, 1)  # alone it would have been of object 2


def test_late_objects_are_left_out(folder):
    """Object 2 is given where only the last frame follows, which does not count."""
    late = sequence(starts={1: 0, 2: 6, 5: 3})
    with pytest.warns(InputWarning, match="herd/2 cannot be scored"):
        scores = score_folder(folder, Dataset("herds", [late]))
    assert [s.name for s in scores.sequences] == ["herd/1", "herd/5"]
    hidden = sequence(annotated=lambda t: t <= 3)
    with pytest.warns(InputWarning, match="herd/5 cannot be scored"):
        scores = score_folder(folder, Dataset("herds", [hidden]))
    assert [s.name for s in scores.sequences] == ["herd/1", "herd/2"]


def test_what_no_frame_has_stops_nothing(folder, tmp_path):
    """Contours of empty masks have no T: that object has a dash, and the mean is of the others."""
    for stem, ids in zip(STEMS, ANSWER, strict=True):
        write_index_png(folder / "herd" / f"{stem}.png", ids * (ids != 2))
    scores = score_folder(folder, Dataset("herds", [sequence()]), stability=True)
    one, two, five = (s.summary("T") for s in scores.sequences)
    assert (math.isnan(two.mean), two.frames) == (True, 0)
    assert scores.mean("T") == pytest.approx((one.mean + five.mean) / 2)
    assert as_dict(scores)["sequences"]["herd/2"]["T"]["frames"] == 0
    headers, rows = rows_of(scores)
    assert rows[1][headers.index("T")] == "-"


def test_ids_that_lost_their_palette(folder):
    """A frame of one id besides 0 is of that object, and ids may be 16 or more."""
    truth = np.where(TRUTH == 5, np.uint8(20), TRUTH)
    herds = Dataset("herds", [sequence(truth, {1: 0, 2: 0, 20: 3})])
    for t, stem in enumerate(STEMS):
        ids = truth[t] * (truth[t] != 1) if t > 4 else truth[t]  # object 1 is lost
        Image.fromarray(ids).save(folder / "herd" / f"{stem}.png")
    scores = score_folder(folder, herds)
    assert [s.values["J"].tolist() for s in scores.sequences] == [
        [1, 1, 1, 1, 0, 0],
        [1] * 6,
        [1] * 3,
    ]


def test_objects_without_a_proposal_are_empty(folder):
    for stem, ids in zip(STEMS, TRUTH, strict=True):
        write_index_png(folder / "herd" / f"{stem}.png", (ids == 5) * np.uint8(3))
    herds = Dataset("herds", [sequence()])
    scores = score_folder(folder, herds, protocol="davis_unsupervised").sequences
    assert scores[0].values["J"].tolist() == [0] * 6
    assert scores[1].values["F"].tolist() == [0] * 5 + [1]
    assert scores[2].values["J"].tolist() == [1] * 3


def test_proposals_for_one_object(folder):
    alone = sequence(np.where(TRUTH == 1, 1, 0).astype(np.uint8), {1: 0})
    for stem, ids in zip(STEMS, TRUTH, strict=True):
        write_index_png(folder / "herd" / f"{stem}.png", np.array([0, 3, 1, 0, 0, 2])[ids])
    herds = Dataset("herds", [alone])
    (score,) = score_folder(folder, herds, protocol="davis_unsupervised").sequences
    assert (score.name, score.values["J"].tolist()) == ("herd", [1] * 6)
    (score,) = score_folder(folder, herds, protocol="davis").sequences
    assert score.values["J"].max() < 1  # everything is foreground where the object is given


def test_void_counts_for_nobody(folder):
    void = np.zeros((HEIGHT, WIDTH), bool)
    void[:, :8] = True
    known = sequence(read_void=lambda t: void if t != 4 else None)
    scores = score_objects(Result.of_folder(folder, known), known)
    for t in range(1, 7):
        a, b = ANSWER[t] == 1, TRUTH[t] == 1
        if t != 4:
            a, b = a & ~void, b & ~void
        assert scores[0].values["J"][t - 1] == jaccard(a, b)
        assert scores[0].values["F"][t - 1] == boundary_f(a, b)


def test_ignored_frames_have_no_score(folder):
    known = sequence(ignored=frozenset({2, 7}))
    scores = score_objects(Result.of_folder(folder, known), known, protocol="davis")
    assert np.flatnonzero(np.isnan(scores[0].values["J"])).tolist() == [1]
    assert len(scores[0].boxes.overlaps) == 5  # of frames 1 to 6 without frame 2


def test_over_time(folder):
    """TCONT of several objects at once, and T, equal those of each alone."""

    def flow(first, second):
        return np.full((*first.shape[:2], 2), 1.0, np.float32)

    result = Result.of_folder(folder, sequence())
    scores = score_objects(result, sequence(), consistency=True, estimator=flow, stability=True)
    flows = [flow(TRUTH[0], TRUTH[1])] * (FRAMES - 1)
    for score, (number, start) in zip(scores, STARTS.items(), strict=True):
        masks, truths = (ids == number for ids in (ANSWER, TRUTH))
        expected = tcont(masks, flows, flows, truths)[start:]
        np.testing.assert_allclose(score.values["tcont"], expected)
        np.testing.assert_allclose(score.values["tcont_self"], tcont(masks, flows, flows)[start:])
        steady = score.values["T"]
        assert len(steady) == len(score.stems)
        assert math.isnan(steady[-1])
        known = contour_stability(masks[start + 1], masks[start + 2])
        assert steady[0] == pytest.approx(known, nan_ok=True)


def test_refusals(folder):
    with pytest.raises(InputError, match="has 3 objects; score them with score_objects"):
        score_result(Result.of_folder(folder, sequence()), sequence())
    one_left = sequence(starts={1: 0, 2: 7})
    with pytest.raises(InputError, match="has 2 objects; score them with score_objects"):
        score_result(Result.of_folder(folder, one_left), one_left)
    late = sequence(starts={1: 7, 2: 6})
    with pytest.raises(InputError, match="'herd' has no frame with truth that is scored behind"):
        score_objects(Result.of_folder(folder, late), late)
    with pytest.raises(InputError, match="'herd' has no frame with truth that is scored behind"):
        score_folder(folder, Dataset("herds", [late]))
    with pytest.raises(InputError, match="'herd' has no object that is given"):
        Result.of_folder(folder, sequence(starts={}))
    one = sequence(starts={1: 0})
    rows = ["frame,object,x,y,w,h,score,found", "00000,1,1,1,2,2,1,1", "00000,2,1,1,2,2,1,1"]
    (folder / "herd" / "boxes.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(InputError, match="holds objects 1, 2 of a sequence of one"):
        Result.of_folder(folder, one)
    rows[2] = rows[1]
    (folder / "herd" / "boxes.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(InputError, match="frame 00000 occurs twice"):
        Result.of_folder(folder, one)
