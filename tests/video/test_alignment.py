"""Masks whose names do not quite fit their frames: by position where that is safe, and said."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import spectrack as st
from spectrack.errors import InputError, InputWarning
from spectrack.tracks import write_index_png
from spectrack.video.alignment import align_stems, constant_offset
from spectrack.video.masks import MaskFolder
from spectrack.video.reader import open_video


def stems(pattern: str, first: int, count: int) -> list[str]:
    return [pattern.format(i) for i in range(first, first + count)]


@pytest.mark.parametrize("pattern", ["mask_{:04d}", "{:05d}", "cam2_{:d}"])
def test_ffmpegs_names_go_by_position_and_it_is_said(pattern: str) -> None:
    frames = stems("{:05d}", 0, 20)
    found = align_stems(stems(pattern, 1, 20), frames, 20, "masks", "video")
    assert found.places == list(range(20))
    assert found.extra == []
    assert found.warning is not None
    assert "numbered" in found.warning
    assert "00000 to 00019" in found.warning


def test_names_that_fit_are_not_worth_a_word() -> None:
    frames = stems("{:05d}", 0, 20)
    for names in (frames, stems("mask_{:04d}", 0, 20), frames[3:9]):
        assert align_stems(names, frames, 20, "masks", "video").warning is None


def test_partial_overlap_is_by_number_with_a_clear_warning() -> None:
    frames = stems("{:05d}", 0, 20)
    found = align_stems(stems("mask_{:04d}", 1, 21), frames, 20, "masks", "video")
    assert found.places == [None, *range(19)]
    assert found.extra == ["mask_0020", "mask_0021"]
    assert found.warning is not None
    assert "2 of the 21 masks in masks (mask_0020, mask_0021) match no frame" in found.warning
    assert "1 frames have none (00000)" in found.warning


def test_some_masks_of_other_names_are_told() -> None:
    found = align_stems(["m_3", "m_5"], ["f_3", "f_4", "f_5"], 3, "masks", "video")
    assert found.places == [0, None, 1]
    assert found.warning is not None
    assert "1 frames have none (f_4)" in found.warning


def test_offset_needs_equal_counts_and_one_difference() -> None:
    frames = stems("{:05d}", 0, 4)
    assert constant_offset(stems("{:05d}", 3, 4), frames) == 3
    assert constant_offset(stems("{:05d}", 1, 3), frames) is None
    assert constant_offset(["1", "2", "3", "5"], frames) is None
    assert constant_offset(["a", "b", "c", "d"], frames) is None


@pytest.fixture
def shifted_folder(clip, tmp_path: Path) -> Path:
    """The masks of ``clip``, numbered from 1 as ffmpeg does."""
    folder = tmp_path / "from_one"
    folder.mkdir()
    for i, mask in enumerate(clip.masks_thw, start=1):
        write_index_png(folder / f"mask_{i:04d}.png", mask.astype(np.uint8))
    return folder


def test_every_verb_takes_them_by_position(clip, frames_folder, truth_folder, shifted_folder):
    with pytest.warns(InputWarning, match="taken in their order"):
        masks = MaskFolder(shifted_folder, open_video(frames_folder))
    for i, truth in enumerate(clip.masks_thw):
        np.testing.assert_array_equal(masks.hard(i), truth)
    with pytest.warns(InputWarning, match="taken in their order"):
        refined = st.refine(shifted_folder, frames_folder)
    assert "taken in their order" in refined.info["warnings"][0]
    right = st.refine(truth_folder, frames_folder)
    np.testing.assert_array_equal(refined.masks_thw(), right.masks_thw())
    assert "warnings" not in right.info
    with pytest.warns(InputWarning):
        assert st.evaluate(shifted_folder, truth_folder, frames_folder)["J"] == 1.0
    with pytest.warns(InputWarning):
        fused = st.fuse({"a": shifted_folder, "b": truth_folder}, frames_folder)
    assert len(fused.info["warnings"]) == 1


def test_results_of_a_data_set_too(clip, truth_folder, tmp_path: Path) -> None:
    from spectrack.datasets.folder import mask_sequence
    from spectrack.evaluation.results import Result

    sequence = mask_sequence(truth_folder)
    folder = tmp_path / sequence.name
    folder.mkdir()
    for i, mask in enumerate(clip.masks_thw, start=1):
        write_index_png(folder / f"{i:05d}.png", mask.astype(np.uint8))
    with pytest.warns(InputWarning, match="taken in their order"):
        result = Result.of_folder(tmp_path, sequence)
    for i, truth in enumerate(clip.masks_thw):
        np.testing.assert_array_equal(result.mask(i), truth)


def test_the_console_says_it(spectrack, frames_folder, shifted_folder, tmp_path: Path) -> None:
    options = ("--video", frames_folder, "--no-overlay")
    done = spectrack("refine", shifted_folder, *options, "--out", tmp_path / "a")
    assert done.status == 0
    assert done.out.count("warning: the masks in") == 1
    assert "InputWarning" not in done.err
    done = spectrack("--json", "refine", shifted_folder, *options, "--out", tmp_path / "b")
    assert "taken in their order" in json.loads(done.out)["warnings"][0]
    done = spectrack("fuse", shifted_folder, *options, "--out", tmp_path / "c")
    assert done.out.count("warning: the masks in") == 1


def test_dicts_are_by_number_or_name(clip, frames_folder) -> None:
    from spectrack.video.soft_masks import missing_stems, open_masks

    frames = open_video(frames_folder)
    for keys in (list(range(10)), clip.stems):
        given = {key: clip.masks_thw[i] for i, key in enumerate(keys) if i != 4}
        with warnings.catch_warnings():
            warnings.simplefilter("error", InputWarning)
            masks = open_masks(given, frames)[1]
        assert missing_stems(masks) == [clip.stems[4]]
        assert masks[4] is None
        np.testing.assert_array_equal(masks[7], clip.masks_thw[7])
    with pytest.raises(InputError, match="frames 0 to 9"):
        open_masks({10: clip.masks_thw[0]}, frames)
    with pytest.raises(InputError, match="empty dict"):
        open_masks({}, frames)
