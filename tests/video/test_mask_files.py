"""Masks of a whole video in one file, in the forms that people bring."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from pycocotools import mask as coco

import spectrack as st
from spectrack.errors import InputError, InputWarning
from spectrack.exports.base import About
from spectrack.exports.youtube_vis import write
from spectrack.structures import Mask
from spectrack.video.reader import open_video
from spectrack.video.run_lengths import read_mask_of
from spectrack.video.soft_masks import open_masks
from spectrack.video.writer import VideoWriter


def opened(source, frames_folder, object_id=None, resize=False):
    return open_masks(source, open_video(frames_folder), object_id, resize)


def assert_same(masks, truth_thw) -> None:
    assert len(masks) == len(truth_thw)
    for i, truth in enumerate(truth_thw):
        np.testing.assert_array_equal(masks[i], truth.astype(np.float32))


@pytest.mark.parametrize("kind", [bool, np.uint8, np.float32])
def test_one_array_on_disk(clip, frames_folder, tmp_path: Path, kind) -> None:
    np.save(tmp_path / "a.npy", clip.masks_thw.astype(kind))
    np.savez_compressed(tmp_path / "a.npz", clip.masks_thw.astype(kind))
    for name in ("a.npy", "a.npz"):
        found = opened(tmp_path / name, frames_folder)
        assert list(found) == [1]
        assert_same(found[1], clip.masks_thw)


def test_an_array_on_disk_is_mapped_not_read(clip, frames_folder, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", clip.masks_thw.astype(np.float32))
    masks = opened(tmp_path / "a.npy", frames_folder)[1]
    assert isinstance(masks._masks, np.memmap)
    bad = clip.masks_thw.astype(np.float32)
    bad[7, 3, 3] = 2.0
    np.save(tmp_path / "b.npy", bad)
    late = opened(tmp_path / "b.npy", frames_folder)[1]
    with pytest.raises(InputError, match="outside"):
        late[7]


def test_object_ids_in_an_array(clip, frames_folder, tmp_path: Path) -> None:
    ids = clip.masks_thw.astype(np.int64) * 3
    ids[:, :4, :4] = 7
    np.save(tmp_path / "ids.npy", ids)
    found = opened(tmp_path / "ids.npy", frames_folder)
    assert list(found) == [3, 7]
    assert_same(found[3], ids == 3)
    assert list(opened(tmp_path / "ids.npy", frames_folder, 7)) == [7]
    with pytest.raises(InputError, match="no object 5; it has 3, 7"):
        opened(tmp_path / "ids.npy", frames_folder, 5)
    with pytest.raises(InputError, match="holds objects 3, 7; choose one"):
        st.refine(tmp_path / "ids.npy", frames_folder)


@pytest.mark.parametrize("compressed", [True, False])
def test_run_lengths_of_coco(clip, frames_folder, tmp_path: Path, compressed: bool) -> None:
    rles = []
    for mask in clip.masks_thw:
        rle = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
        counts: object = rle["counts"].decode()
        if not compressed:
            flat = mask.T.ravel()
            edges = np.flatnonzero(np.diff(flat)) + 1
            counts = np.diff([0, *([0] if flat[0] else []), *edges, flat.size]).tolist()
        rles.append({"size": list(mask.shape), "counts": counts})
    path = tmp_path / "masks.json"
    path.write_text(json.dumps(rles))
    assert_same(opened(path, frames_folder)[1], clip.masks_thw)
    path.write_text(json.dumps([*rles[:4], None, *rles[5:]]))
    masks = opened(path, frames_folder)[1]
    assert masks[4] is None
    assert st.refine(path, frames_folder).info["frames_without_mask"] == [clip.stems[4]]


def test_our_own_run_lengths_agree_with_pycocotools(rng) -> None:
    for _ in range(60):
        height, width = rng.integers(1, 60, 2)
        mask = rng.random((height, width)) < rng.random()
        rle = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
        given = {"size": [int(height), int(width)], "counts": rle["counts"].decode()}
        read = read_mask_of(given, "a mask")
        assert read is not None
        np.testing.assert_array_equal(read.decode(), mask)


@pytest.mark.parametrize(
    "value",
    [
        {"size": [4, 4], "counts": [3, 4]},
        {"size": [4, 4], "counts": [3, -4, 17]},
        {"size": [4, 4], "counts": "zzzzzzzzzzzzzzzzzzzzzz"},
        {"size": [4, 4], "counts": "\x00"},
        {"size": [4, 4], "counts": [1e300]},
        {"size": [0, 4], "counts": []},
        {"size": [10**9, 10**9], "counts": [10**18]},
        {"size": [4], "counts": [16]},
        {"size": [4, True], "counts": [4]},
        {"counts": [16]},
        [[0, 0, 1, 1]],
        "text",
    ],
)
def test_run_lengths_that_are_none(value) -> None:
    with pytest.raises(InputError, match="is no run length"):
        read_mask_of(value, "mask 0 in x.json")


def test_youtube_vis(clip, frames_folder, tmp_path: Path) -> None:
    track = st.refine(clip.masks_thw, frames_folder)
    other = st.refine(clip.masks_thw[:, ::-1], clip.frames_thwc[:, ::-1])
    other.stems = track.stems
    file = tmp_path / "a.json"
    write(st.Tracks({2: track, 9: other}), file, About(name="koi"))
    found = opened(file, frames_folder)
    assert list(found) == [2, 9]
    assert_same(found[2], track.masks_thw())
    assert_same(found[9], other.masks_thw())
    content = json.loads(file.read_text())
    results = [{"video_id": 1, "segmentations": a["segmentations"]} for a in content["annotations"]]
    file.write_text(json.dumps(results))
    assert list(opened(file, frames_folder)) == [1, 2]
    name = open_video(frames_folder).name
    content["videos"] += [{**content["videos"][0], "id": 5, "name": name}]
    content["annotations"][1]["video_id"] = 5
    file.write_text(json.dumps(content))
    assert list(opened(file, frames_folder)) == [9]
    content["videos"][1]["name"] = "another"
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match="holds 2 videos but none named"):
        opened(file, frames_folder)


@pytest.mark.parametrize("text", ["", "[", "{}", "[]", "3", '{"annotations": [3]}', "[1, 2]"])
def test_json_of_another_kind(frames_folder, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match="expected a list of run lengths"):
        opened(tmp_path / "a.json", frames_folder)


def test_a_video_of_masks(clip, frames_folder, tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "masks.mp4", 24, clip.size_wh) as writer:
        for mask in clip.masks_thw:
            writer.write(np.repeat(mask[..., None] * np.uint8(255), 3, axis=2))
    masks = opened(tmp_path / "masks.mp4", frames_folder)[1]
    assert set(np.unique(masks[3])) == {0, 1}  # a lossy codec must not make a hard mask soft
    wrong = np.mean([(masks[i] != mask).mean() for i, mask in enumerate(clip.masks_thw)])
    assert wrong < 0.003


def test_a_soft_video_of_masks_in_ffv1(clip, frames_folder, tmp_path: Path) -> None:
    height, width = clip.masks_thw.shape[1:]
    soft = np.linspace(0, 255, height * width).reshape(height, width).astype(np.uint8)
    path = tmp_path / "masks.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "gray"
        for _ in clip.masks_thw:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(soft, format="gray")))
        container.mux(stream.encode())
    mask = opened(path, frames_folder)[1][5]
    np.testing.assert_allclose(mask, soft / 255, atol=1.5 / 255)


def test_videos_that_are_no_masks(clip, clip_mp4, frames_folder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="coloured where a video of masks was expected"):
        opened(clip_mp4, frames_folder)
    with VideoWriter(tmp_path / "dark.mp4", 24, clip.size_wh) as writer:
        for mask in clip.masks_thw:
            writer.write(np.repeat(mask[..., None] * np.uint8(38), 3, axis=2))
    with pytest.raises(InputError, match=r"brighter than .. of 255"):
        opened(tmp_path / "dark.mp4", frames_folder)


def test_other_sizes_with_resize(clip, frames_folder, truth_folder, spectrack, tmp_path) -> None:
    half = clip.masks_thw[:, ::2, ::2]
    with pytest.raises(InputError, match=r"64x40 were given for frames of 128x80.*--resize"):
        st.refine(half, frames_folder)
    masks = opened(half, frames_folder, resize=True)[1]
    np.testing.assert_array_equal(masks[2], half[2].repeat(2, 0).repeat(2, 1))
    soft = np.linspace(0, 1, 40 * 64, dtype=np.float32).reshape(1, 40, 64).repeat(10, 0)
    smooth = opened(soft, frames_folder, resize=True)[1][0]
    assert smooth is not None
    assert len(np.unique(smooth)) > 3 * 40 * 64 / 2  # between the levels given
    square = clip.masks_thw[:, :, 24:104]
    with pytest.warns(InputWarning, match="another ratio of width to height"):
        st.refine(square, frames_folder, resize=True)
    np.save(tmp_path / "half.npy", half)
    out = ("--video", frames_folder, "--no-overlay", "--out", tmp_path / "out")
    refused = spectrack("refine", tmp_path / "half.npy", *out)
    assert (refused.status, "--resize" in refused.err) == (2, True)
    assert spectrack("refine", tmp_path / "half.npy", *out, "--resize").status == 0
    assert st.evaluate(st.Track.load(tmp_path / "out"), truth_folder)["J"] > 0.8
    folder = tmp_path / "folder"
    folder.mkdir()
    for i, mask in enumerate(half):
        np.save(folder / f"{i:05d}.npy", mask)
    with pytest.raises(InputError, match=r"64x40 but the frames are 128x80"):
        st.refine(folder, frames_folder)
    again = st.refine(folder, frames_folder, resize=True)
    assert again.masks_thw().shape == clip.masks_thw.shape


def test_lists_generators_and_tensors(clip, frames_folder) -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(clip.masks_thw)
    mixed = [Mask.encode(clip.masks_thw[0]), tensor[1], *clip.masks_thw[2:]]
    for source in (
        list(clip.masks_thw),
        (mask for mask in clip.masks_thw),
        tensor,
        tensor[:, None].to(torch.bfloat16).requires_grad_(),
        mixed,
    ):
        assert_same(opened(source, frames_folder)[1], clip.masks_thw)
    gap = [None, *clip.masks_thw[1:]]
    assert st.refine(gap, frames_folder).info["frames_without_mask"] == [clip.stems[0]]
    for bad, sentence in (
        ([clip.masks_thw[0]] * 9, "9 masks were given for 10 frames"),
        ([None] * 10, "no frame has a mask"),
        ([clip.masks_thw[0], clip.masks_thw[0][:9]] * 5, "masks of 128x9 and 128x80"),
        ([clip.masks_thw] * 10, "mask 0 has dtype bool and shape"),
        (["a"] * 10, "mask 0 has dtype"),
        (3, "a int was given as masks"),
    ):
        with pytest.raises(InputError, match=sentence):
            st.refine(bad, frames_folder)


@pytest.mark.parametrize(("low", "high"), [(-1e-7, 1.0000001), (-5e-4, 1.0005)])
def test_rounding_is_forgiven(clip, frames_folder, tmp_path: Path, low, high) -> None:
    soft = np.where(clip.masks_thw, high, low)
    folder = tmp_path / "soft"
    folder.mkdir()
    for i, mask in enumerate(soft):
        np.save(folder / f"{i:05d}.npy", mask)
    for source in (soft, list(soft), folder):
        assert_same(opened(source, frames_folder)[1], clip.masks_thw)
    for wrong in (soft + 0.01, soft - 0.01, np.where(soft > 0.5, np.inf, 0.0)):
        with pytest.raises(InputError, match=r"expected \[0, 1\]"):
            opened(wrong, frames_folder)
