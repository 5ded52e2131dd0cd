"""Test parts whose truth is hidden are not scored by their first frames."""

from __future__ import annotations

import numpy as np
import pytest

from box_folders import write_images, write_text
from spectrack.datasets.got10k import Got10k
from spectrack.datasets.trackingnet import TrackingNet
from spectrack.errors import InputError
from spectrack.evaluation.boxes import find_protocol, score_result_boxes
from spectrack.evaluation.results import Result
from spectrack.structures import Box, Prediction
from spectrack.tracks import Track


def result_of(sequence):
    track = Track((32, 24))
    for _ in sequence.stems:
        track.append(Prediction(Box(1, 2, 9, 8)))
    return Result.of_track(track, sequence)


@pytest.mark.parametrize("data_set", [TrackingNet, Got10k])
def test_hidden_truth_is_told(tmp_path, data_set):
    if data_set is TrackingNet:
        write_images(tmp_path / "TEST" / "frames" / "a", range(4))
        truth = tmp_path / "TEST" / "anno" / "a.txt"
    else:
        write_images(tmp_path / "test" / "a", range(4), digits=8)
        truth = tmp_path / "test" / "a" / "groundtruth.txt"
    write_text(truth, "1,2,9,8\n")
    data = data_set(tmp_path, split="test")
    protocol = find_protocol(data.protocol)
    with pytest.raises(InputError, match=r"'a' is known for no frame but the first; choose a part"):
        score_result_boxes(result_of(data["a"]), data["a"], protocol)
    write_text(truth, "1,2,9,8\n" * 4)
    score = score_result_boxes(result_of(data["a"]), data["a"], protocol)
    assert score.figures["ao"] == pytest.approx(1)
    assert np.isfinite(score.figures["precision_20"])
