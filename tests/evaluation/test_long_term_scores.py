"""Long-term figures of result folders against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.long_term import score_long_term
from spectrack.evaluation.report import as_dict, tables
from spectrack.evaluation.score import score_folder
from spectrack.structures import Box, Prediction
from spectrack.tracks import Track
from spectrack.video.frames import ArrayFrames

SIZE = (80, 60)
TRUTH = [Box(10, 10, 20, 20)] * 3 + [None] * 2 + [Box(30, 10, 20, 20)] * 2
ANSWERS = [
    (TRUTH[0], 1.0),
    (TRUTH[1], 0.9),
    (Box(10, 10, 20, 10), 0.8),  # half of it
    (Box(50, 30, 9, 9), 0.2),  # absent, but answered
    (None, 0.0),  # absent, and said so
    (Box(30, 10, 20, 20), 0.6),
    (None, 0.7),  # not found: never reported
]


def sequence(name, ignored=frozenset()):
    frames = ArrayFrames(np.zeros((7, SIZE[1], SIZE[0], 3), np.uint8))
    stems = tuple(f"{t:04d}" for t in range(7))
    return VideoSequence(name, stems, lambda: frames, read_box=TRUTH.__getitem__, ignored=ignored)


@pytest.fixture
def results(tmp_path):
    for name, drop in (("one", 0.0), ("two", 0.5)):
        track = Track(SIZE)
        for t, (box, sure) in enumerate(ANSWERS):
            track.append(Prediction(box, None, sure * (1 - drop), box is not None), f"{t:04d}")
        track.save(tmp_path / name)
        for path in (tmp_path / name / "masks").iterdir():
            path.unlink()
        (tmp_path / name / "masks").rmdir()
    return tmp_path


def test_counted_by_hand(results):
    scores = score_long_term(results, Dataset("balls", [sequence("one")]))
    curve = scores.sequences["one"]
    assert curve.thresholds[1:-1].tolist() == [0.9, 0.8, 0.6, 0.2]
    assert curve.precision[1:-1] == pytest.approx([1, 1.5 / 2, 2.5 / 3, 2.5 / 4])
    assert curve.recall[1:-1] == pytest.approx([1 / 4, 1.5 / 4, 2.5 / 4, 2.5 / 4])
    figures = scores.total.figures
    assert figures["f"] == pytest.approx(2 * (5 / 6) * (5 / 8) / (5 / 6 + 5 / 8))
    assert figures["threshold"] == 0.6


def test_the_protocol_asks_for_it(results):
    balls = Dataset("balls", [sequence("one")])
    scores = score_folder(results, balls, protocol="vot_long_term")
    expected = score_long_term(results, balls).total.figures
    assert scores.long_term == expected
    assert as_dict(scores)["mean"]["lt_f"]["mean"] == expected["f"]
    assert len(tables(scores)) == 2
    assert score_folder(results, balls, protocol="vot").long_term is None


def test_sequences_share_thresholds(results):
    scores = score_long_term(results, Dataset("balls", [sequence("one"), sequence("two")]))
    levels = scores.total.thresholds[1:-1]
    assert levels.tolist() == [0.9, 0.8, 0.6, 0.45, 0.4, 0.3, 0.2, 0.1]
    one, two = scores.sequences.values()
    assert scores.total.recall == pytest.approx((one.recall + two.recall) / 2)
    assert one.recall[-1] == two.recall[-1]
    known = score_long_term(results, Dataset("balls", [sequence("one", frozenset({2}))]))
    assert known.total.recall[-1] == pytest.approx(2 / 3)  # half an overlap and its frame are out


def test_refusals(results):
    blind = VideoSequence(
        "one", sequence("one").stems, sequence("one").open_frames, read_box=lambda _: None
    )
    with pytest.raises(InputError, match="sequence 'one' cannot be scored: 6 overlaps, 0 of them"):
        score_long_term(results, Dataset("balls", [blind]))
    with pytest.raises(InputError, match="lacks sequence 'three'"):
        score_long_term(results, Dataset("balls", [sequence("three")]))
