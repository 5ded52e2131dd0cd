"""``spectrack segment`` and ``st.segment``: the masks, the files, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import spectrack as st
from random_mask_in_box import write_random_mask_in_box
from spectrack.api import segment_all
from spectrack.commands.segment import index_of
from spectrack.structures import Box, Prediction
from spectrack.tracking.mask_in_box import BoxSegmenter, shared_mask_in_box
from spectrack.tracks import davis_palette

TWO = (Box(20, 10, 40, 30), Box(70, 40, 30, 30))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return str(write_random_mask_in_box(tmp_path_factory.mktemp("weights") / "w.safetensors"))


@pytest.fixture
def image(frames_folder):
    return frames_folder / "00000.png"


def flags(*boxes):
    return [word for box in boxes for word in ("--box", ",".join(f"{v:g}" for v in box))]


def test_python_gives_the_mask_of_the_network(clip, image, weights):
    frame = clip.frames_thwc[0]
    expected = BoxSegmenter(shared_mask_in_box(weights)).first(frame, TWO[0]) >= 0.5
    for given in (frame, image, str(image), (frame / 255).astype(np.float32)):
        mask = st.segment(given, box=tuple(TWO[0]), weights=weights)
        assert mask.dtype == np.bool_
        np.testing.assert_array_equal(mask, expected)
    found = segment_all(frame, TWO, weights=weights)
    for one, box in zip(found, TWO, strict=True):
        soft = one.mask.astype(float)
        hard = soft >= 0.5
        assert not hard[~box.fill(clip.size_wh)].any()
        assert one.box == Box.from_mask(hard)
        either = np.where(hard, 1, soft).sum()
        assert one.score == pytest.approx(soft[hard].sum() / either, rel=1e-6)


def test_a_pixel_belongs_to_the_surest():
    masks = np.array([[0.9, 0.6, 0.4, 0.0], [0.2, 0.8, 0.45, 0.5]], np.float32)
    found = [Prediction(None, mask[None], 1.0) for mask in masks]
    np.testing.assert_array_equal(index_of(found), [[1, 2, 0, 2]])


def test_several_boxes_go_into_one_indexed_png(spectrack, clip, image, weights, tmp_path):
    out, overlay = tmp_path / "deep" / "mask.png", tmp_path / "look.jpg"
    args = (image, *flags(*TWO), "--out", out, "--overlay", overlay, "--weights", weights)
    ran = spectrack("segment", *args, "--json")
    assert ran.status == 0, ran
    answer = json.loads(ran.out)
    assert (answer["mask"], answer["overlay"]) == (str(out), str(overlay))
    assert answer["size_wh"] == list(clip.size_wh)
    index = Image.open(out)
    assert index.mode == "P"
    np.testing.assert_array_equal(
        np.reshape(index.getpalette()[:9], (3, 3)), davis_palette()[:3].reshape(3, 3)
    )
    found = segment_all(image, TWO, weights=weights)
    np.testing.assert_array_equal(np.asarray(index), index_of(found))
    for number, (one, box) in enumerate(zip(answer["objects"], TWO, strict=True), start=1):
        assert (one["object"], one["box"]) == (number, list(box))
        assert one["pixels"] == np.count_nonzero(np.asarray(index) == number)
        assert one["score"] == pytest.approx(found[number - 1].score, abs=1e-4)
    drawn = np.asarray(Image.open(overlay), int)
    assert drawn.shape == clip.frames_thwc[0].shape
    assert np.abs(drawn - clip.frames_thwc[0])[index_of(found) > 0].mean() > 10
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["look.jpg", "mask.png"]


def test_the_table_and_the_file_where_none_is_named(
    spectrack, image, weights, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    ran = spectrack("segment", image, *flags(TWO[0]), "--weights", weights)
    assert ran.status == 0, ran
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[0] == ["object", "box", "pixels", "score"]
    assert lines[1][:2] == ["1", "20,10,40,30"]
    assert lines[2] == ["mask:", "00000_mask.png"]
    assert (tmp_path / "00000_mask.png").is_file()


def refused(ran, *words):
    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert all(word in ran.err for word in words), ran.err


def test_mistakes_are_told_and_leave_nothing(spectrack, image, weights, tmp_path):
    out = tmp_path / "mask.png"
    plain = (*flags(TWO[0]), "--out", out, "--weights", weights)
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "torn.png").write_bytes(image.read_bytes()[:900])
    (tmp_path / "text.jpg").write_text("no picture")
    before = sorted(p.name for p in tmp_path.iterdir())
    refused(spectrack("segment", tmp_path / "none.png", *plain), "none.png does not exist")
    refused(spectrack("segment", tmp_path / "empty.png", *plain), "empty.png is empty")
    refused(spectrack("segment", tmp_path / "torn.png", *plain), "torn.png cannot be read")
    refused(spectrack("segment", tmp_path / "text.jpg", *plain), "not an image")
    refused(spectrack("segment", image, "--out", out), "no thing was given; give --box")
    for box, said in (
        ("500,10,20,20", "box 500,10,20,20 lies outside the 128x80 frame"),
        ("5,5,0,20", "has no area"),
        ("5,5,-3,20", "negative side"),
        ("0.1,0.1,0.5,0.5", "fractions of the frame"),
        ("a,b", "not four numbers"),
    ):
        refused(spectrack("segment", image, "--box", box, "--out", out), said)
    refused(spectrack("segment", image, *plain, "--overlay", out), "give two files")
    refused(spectrack("segment", image, *plain, "--overlay", tmp_path / "a.txt"), "no picture")
    refused(spectrack("segment", image, *flags(TWO[0]), "--out", tmp_path / "a.jpg"), "no .png")
    refused(spectrack("segment", image, *flags(TWO[0]), "--out", image), "the picture itself")
    other = ("--weights", tmp_path / "none.safetensors")
    refused(spectrack("segment", image, *flags(TWO[0]), "--out", out, *other), "do not exist")
    below = (*flags(TWO[0]), "--out", tmp_path / "text.jpg" / "m.png", "--weights", weights)
    refused(spectrack("segment", image, *below), "text.jpg cannot be used", "give another name")
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_what_is_there_is_replaced_only_on_request(spectrack, image, weights, tmp_path):
    out, overlay = tmp_path / "mask.png", tmp_path / "look.png"
    args = ("segment", image, *flags(TWO[0]), "--out", out, "--weights", weights)
    out.write_text("mine")
    refused(spectrack(*args), "mask.png is there; pass --overwrite")
    assert out.read_text() == "mine"
    assert spectrack(*args, "--overwrite").status == 0
    assert Image.open(out).size == (128, 80)
    overlay.mkdir()
    refused(spectrack(*args, "--overwrite", "--overlay", overlay), "is a folder")


def test_python_tells_mistakes(clip):
    frame = clip.frames_thwc[0]
    with pytest.raises(st.InputError, match="lies outside"):
        st.segment(frame, (500, 1, 20, 20))
    with pytest.raises(st.InputError, match="not four numbers"):
        st.segment(frame, (1, 2, 3))
    with pytest.raises(st.InputError, match="no box was given"):
        segment_all(frame, [])
    with pytest.raises(st.InputError, match="expected uint8 RGB"):
        st.segment(frame[..., 0], (1, 2, 30, 40))


def test_points_make_things_and_correct_them(spectrack, clip, image, weights, tmp_path):
    out = tmp_path / "mask.png"
    ran = spectrack(
        "segment", image, *flags(TWO[0]), "--point", "100,60:2", "--point", "5,5,background:2",
        "--point", "30,20", "--out", out, "--weights", weights, "--json",
    )  # fmt: skip
    assert ran.status == 0, ran
    index = np.asarray(Image.open(out))
    assert index[20, 30] in (1, 2)
    assert index[60, 100] == 2
    assert index[5, 5] == 0
    told = json.loads(ran.out)["objects"]
    assert [one["object"] for one in told] == [1, 2]
    for args, words in [
        (("--point", "3=4,5"), "a picture has none"),
        (("--point", "4,5:3"), "thing 1 has neither box nor point"),
        (("--point", "4,5:0"), "thing 0"),
        ((), "--box X,Y,W,H or --point X,Y"),
    ]:
        ran = spectrack("segment", image, *args, "--out", out, "--overwrite")
        assert ran.status == 2
        assert words in ran.err, ran.err
