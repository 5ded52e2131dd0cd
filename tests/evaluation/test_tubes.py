"""AP of a results.json against the measure on the same tubes, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.tubes import score_tubes
from spectrack.metrics.average_precision import Tube, average_precision
from spectrack.structures import Mask
from spectrack.video.frames import ArrayFrames

KINDS = {"cat": 3, "dog": 8}


def blocks(number):
    """Two objects that cross, the second of them for two frames only."""
    masks = np.zeros((2, 4, 30, 40), bool)
    for t in range(4):
        masks[0, t, 5:15, 4 + t : 16 + t] = True
        masks[1, t, 8:20, 18 - t : 30 - t] = t >= 2
    return np.roll(masks, number, axis=2)


class Tiny(Dataset):
    """As the reader of YouTube-VIS builds it."""

    def __init__(self):
        self.video_ids, self.category_ids = {"a": 11, "b": 12}, KINDS
        frames = ArrayFrames(np.zeros((4, 30, 40, 3), np.uint8))
        sequences = []
        for number, name in enumerate(self.video_ids):
            truth = blocks(number)
            sequences.append(
                VideoSequence(
                    name,
                    tuple("0123"),
                    lambda: frames,
                    read_mask=lambda t, truth=truth: truth[:, t].any(0),
                    read_object=lambda t, i, truth=truth: truth[i - 1, t],
                    starts={1: 0, 2: 2},
                    categories={1: "cat", 2: "dog"},
                )
            )
        super().__init__("tiny", sequences)


def run_lengths(mask):
    packed = Mask.encode(mask)
    return {"size": [packed.height, packed.width], "counts": packed.counts.decode()}


def track(video, kind, score, masks):
    return {
        "video_id": video,
        "category_id": KINDS[kind],
        "score": score,
        "segmentations": [run_lengths(m) if m.any() else None for m in masks],
    }


@pytest.fixture
def tracks():
    """One right, one shifted, one of the wrong category, one object missed."""
    shifted = np.roll(blocks(0)[1], 2, axis=2)
    return [
        track(11, "cat", 0.9, blocks(0)[0]),
        track(11, "dog", 0.4, shifted),
        track(12, "dog", 0.8, blocks(1)[0]),
    ]


def write(tmp_path, data):
    path = tmp_path / "results.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_equals_the_measure(tmp_path, tracks):
    def tube(kind, masks, score=1.0):
        return Tube(kind, [Mask.encode(m) for m in masks], score)

    truth = {
        n: [tube(k, m) for k, m in zip(KINDS, blocks(i), strict=True)] for i, n in enumerate("ab")
    }
    found = {
        "a": [
            tube("cat", blocks(0)[0], 0.9),
            tube("dog", np.roll(blocks(0)[1], 2, axis=2), 0.4),
        ],
        "b": [tube("dog", blocks(1)[0], 0.8)],
    }
    expected = average_precision(found, truth)
    assert 0 < expected["ap"] < 1
    said = []
    given = score_tubes(write(tmp_path, tracks), Tiny(), lambda *step: said.append(step))
    assert given == pytest.approx(expected, nan_ok=True)
    assert said == [(1, 2), (2, 2)]


def test_truth_scores_one(tmp_path):
    every = [
        track(11 + number, kind, 1.0, masks)
        for number in (0, 1)
        for kind, masks in zip(KINDS, blocks(number), strict=True)
    ]
    assert score_tubes(write(tmp_path, every), Tiny())["ap"] == 1
    assert score_tubes(write(tmp_path, []), Tiny())["ap"] == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"video_id": 99}, "video 99 and category 3, which tiny does not have"),
        ({"video_id": [1]}, "which tiny does not have"),
        ({"category_id": 4}, "category 4"),
        ({"category_id": [3]}, "which tiny does not have"),
        ({"score": "high"}, "lacks video_id, category_id, score or segmentations"),
        ({"score": float("nan")}, "a finite score"),
        ({"segmentations": []}, "has 0 masks"),
        ({"segmentations": None}, "lacks"),
        ({"segmentations": [{"size": [30, 40], "counts": "%%"}] * 4}, "track 0, frame 0"),
    ],
)
def test_refuses_tracks(tmp_path, tracks, change, message):
    tracks[0] |= change
    with pytest.raises(InputError, match=message):
        score_tubes(write(tmp_path, tracks), Tiny())


@pytest.mark.parametrize("text", ["{}", "[", "[" * 100_000])
def test_refuses_files(tmp_path, text):
    with pytest.raises(InputError, match="cannot be read"):
        score_tubes(write(tmp_path, text), Tiny())
    with pytest.raises(InputError, match="does not number"):
        score_tubes(write(tmp_path, text), Dataset("plain", []))
