"""Targets and frames in the forms that people hold them in Python."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import spectrack as st
from spectrack.errors import InputError, InputWarning
from spectrack.video.reader import open_video
from spectrack.video.targets import one_target, read_targets


def followed(clip, still: str, **target) -> np.ndarray:
    return st.track(clip.frames_thwc[:2], tracker=still, clean=False, **target).mask(1)


def test_a_jpeg_mask_is_hard(clip, tmp_path: Path, spectrack, frames_folder, still: str) -> None:
    truth = clip.masks_thw[0]
    white = truth.astype(np.uint8) * 255
    for quality in (50, 95):
        for name, image in (
            ("grey", Image.fromarray(white)),
            ("rgb", Image.fromarray(np.repeat(white[..., None], 3, axis=2))),
        ):
            path = tmp_path / f"{name}{quality}.jpg"
            image.save(path, quality=quality)
            mask = one_target(path).mask
            assert mask is not None
            assert (mask != truth).mean() < 0.01
    few = np.where(truth, 252, 3).astype(np.uint8)  # what a codec leaves of a clean picture
    few[0, 0], few[0, 1] = 0, 255
    Image.fromarray(few).save(tmp_path / "few.png")
    out = tmp_path / "out"
    options = ("--tracker", still, "--no-clean", "--no-overlay", "--out", out)
    done = spectrack("track", frames_folder, "--mask", tmp_path / "few.png", *options)
    assert done.status == 0, done.err
    np.testing.assert_array_equal(st.Track.load(out).mask(3)[1:], truth[1:])


def test_a_jpeg_in_colours_is_refused(tmp_path: Path, rng) -> None:
    Image.fromarray(rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(tmp_path / "a.jpg")
    with pytest.raises(InputError, match="not the DAVIS palette"):
        read_targets(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64, np.float32, np.float64])
def test_target_masks_of_any_dtype(clip, still: str, kind) -> None:
    truth = clip.masks_thw[0]
    full = 255 if kind in {np.uint8, np.int64} else 1
    np.testing.assert_array_equal(followed(clip, still, mask=truth.astype(kind) * full), truth)


def test_soft_targets_are_cut_at_one_half(clip, still: str) -> None:
    torch = pytest.importorskip("torch")
    truth = clip.masks_thw[0]
    soft = np.where(truth, 0.9, 0.1) + np.linspace(0, 0.05, truth.size).reshape(truth.shape)
    for mask in (soft, torch.from_numpy(soft), torch.from_numpy(soft)[None]):
        np.testing.assert_array_equal(followed(clip, still, mask=mask), truth)


def test_several_values_name_the_objects(clip, tmp_path: Path, still: str) -> None:
    ids = clip.masks_thw[0].astype(np.uint8) * 3
    ids[:5, :5] = 7
    ids[-1] = 255  # void
    np.save(tmp_path / "ids.npy", ids)
    for mask in (ids, ids.astype(np.int64), tmp_path / "ids.npy"):
        with pytest.raises(InputError, match=r"several objects \(3, 7\) where one is wanted"):
            followed(clip, still, mask=mask)
    np.testing.assert_array_equal(followed(clip, still, mask=ids == 3), clip.masks_thw[0])
    levels = np.where(clip.masks_thw[0], 0.6, 0.0)
    levels[:5, :5] = 0.3
    with pytest.raises(InputError, match="the mask has 3 grey levels, which may be several"):
        followed(clip, still, mask=levels)


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (np.zeros((80, 128)), "the mask is empty"),
        (np.zeros((80, 128, 3), np.uint8), "expected bool, object ids or floats"),
        (np.full((80, 128), np.nan), "NaN"),
        (np.linspace(0, 9, 80 * 128).reshape(80, 128), "from 0 to 9; expected a soft mask"),
        (np.arange(80 * 128).reshape(80, 128), "ids outside 0 to 255"),
        ("nothing.png", "does not exist"),
        (np.array("a"), "expected bool, object ids or floats"),
    ],
)
def test_targets_that_are_none(clip, still: str, mask, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        followed(clip, still, mask=mask)


def test_box_and_mask_are_one_too_many(clip, still: str) -> None:
    with pytest.raises(InputError, match="both box and mask were given; give one of them"):
        followed(clip, still, box=(3, 3, 20, 20), mask=clip.masks_thw[0])


def test_boxes_are_questioned(clip, still: str, spectrack, frames_folder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"box 0\.1,0\.2,0\.5,0\.25 looks like fractions"):
        followed(clip, still, box=(0.1, 0.2, 0.5, 0.25))
    with pytest.warns(InputWarning, match="smaller than 4 pixels"):
        track = st.track(clip.frames_thwc[:2], box=(9, 9, 3, 20), tracker=still, clean=False)
    assert "smaller than 4 pixels" in track.info["warnings"][0]
    one = np.zeros((80, 128), bool)
    one[0, 0] = True  # a mask may be as small as it likes
    assert "warnings" not in st.track(clip.frames_thwc[:2], mask=one, tracker=still).info
    options = ("--tracker", still, "--no-overlay", "--out")
    done = spectrack("track", frames_folder, "--box", ".1,.2,.5,.5", *options, tmp_path / "a")
    assert (done.status, "give x,y,w,h in pixels" in done.err) == (2, True)
    done = spectrack("track", frames_folder, "--box", "9,9,3,20", *options, tmp_path / "b")
    assert (done.status, done.out.count("warning: box 9,9,3,20 is smaller")) == (0, 1)
    done = spectrack(
        "--json", "track", frames_folder, "--box", "9,9,3,20", *options, tmp_path / "c"
    )
    assert "smaller than 4 pixels" in json.loads(done.out)["warnings"][0]


def test_frames_of_any_form(clip, still: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    frames = clip.frames_thwc
    tensor = torch.from_numpy(frames.copy())
    floats = frames.astype(np.float32) / 255
    np.save(tmp_path / "frames.npy", frames)
    np.save(tmp_path / "floats.npy", floats)
    np.savez(tmp_path / "frames.npz", frames)
    for source in (
        floats,
        floats.astype(np.float64),
        list(floats),
        tensor,
        tensor.permute(0, 3, 1, 2),
        tensor.permute(0, 3, 1, 2) / 255,
        list(tensor),
        tmp_path / "frames.npy",
        str(tmp_path / "floats.npy"),
        tmp_path / "frames.npz",
        (frame for frame in frames),
        iter(tensor.permute(0, 3, 1, 2)),
    ):
        opened = open_video(source)
        assert opened.size_wh == clip.size_wh
        np.testing.assert_array_equal(np.stack(list(opened)), frames)
    assert isinstance(open_video(tmp_path / "frames.npy")._frames, np.memmap)
    track = st.track((f for f in frames), box=clip.target.box, tracker=still)
    assert len(track) == 10
    np.testing.assert_array_equal(
        st.refine(clip.masks_thw, (f for f in frames)).masks_thw(),
        st.refine(clip.masks_thw, frames).masks_thw(),
    )


def test_a_generator_can_be_read_once(clip) -> None:
    frames = open_video(f for f in clip.frames_thwc)
    assert frames.length is None
    assert len(list(frames)) == 10
    with pytest.raises(InputError, match="once only; give a list"):
        list(frames)
    with pytest.raises(InputError, match="cannot jump"):
        frames[3]
    with pytest.raises(InputError, match="frame 1 is 64x80 but the first was 128x80"):
        list(open_video(f for f in [clip.frames_thwc[0], clip.frames_thwc[0][:, :64]]))
    with pytest.raises(InputError, match="9 masks were given"):
        st.refine(clip.masks_thw[:9], (f for f in clip.frames_thwc))


def test_float_frames_on_disk_are_checked_as_they_are_read(tmp_path: Path) -> None:
    frames = np.zeros((3, 8, 9, 3), np.float32)
    frames[2] = 255
    np.save(tmp_path / "a.npy", frames)
    opened = open_video(tmp_path / "a.npy")
    assert (opened[1] == 0).all()
    with pytest.raises(InputError, match="floats from 255 to 255 were given"):
        opened[2]
    np.savez(tmp_path / "two.npz", a=frames, b=frames)
    with pytest.raises(InputError, match="holds 2 arrays"):
        open_video(tmp_path / "two.npz")
    (tmp_path / "bad.npy").write_bytes(b"nonsense")
    with pytest.raises(InputError, match=r"video .*bad\.npy cannot be read"):
        open_video(tmp_path / "bad.npy")
