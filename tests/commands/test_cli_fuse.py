"""``spectrack fuse`` end to end, and what it refuses."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import spectrack as st
from spectrack.errors import InputError
from spectrack.fusion.weights import save_mixing
from spectrack.spectral.mixing.settings import MixingSettings
from spectrack.tracks import Track, Tracks, write_index_png


@pytest.fixture
def methods(clip, tmp_path):
    """Folders of the masks of three methods, each wrong in its own way; c lacks a frame."""
    folders = []
    for number, name in enumerate("abc"):
        folder = tmp_path / "methods" / name
        folder.mkdir(parents=True)
        for t, (stem, mask) in enumerate(zip(clip.stems, clip.masks_thw, strict=True)):
            wrong = np.roll(mask, (number - 1) * 4, axis=1)
            if (name, t) != ("c", 4):
                Image.fromarray(wrong).save(folder / f"{stem}.png")
        folders.append(folder)
    return folders


@pytest.fixture
def fuse(spectrack, frames_folder, tmp_path):
    def run(*args):
        video = () if "--video" in args else ("--video", frames_folder)
        return spectrack("fuse", *args, *video, "--out", tmp_path / "out")

    return run


@pytest.fixture
def refused(fuse, tmp_path):
    """A run that must be refused; gives back its sentence."""

    def run(*args) -> str:
        before = set(tmp_path.rglob("*"))
        ran = fuse(*args)
        assert ran.status == 2, ran
        assert ran.out == ""
        assert ran.err.count("\n") == 1, ran.err
        assert set(tmp_path.rglob("*")) == before, "files appeared or went"
        return ran.err

    return run


def overlap(track, clip):
    masks = track.masks_thw()
    return (masks & clip.masks_thw).sum() / (masks | clip.masks_thw).sum()


def test_the_result_folder(fuse, methods, clip, tmp_path):
    ran = fuse(*methods, "--json")
    assert ran.status == 0, ran
    assert ran.err == ""
    answer = json.loads(ran.out)
    assert [c["name"] for c in answer["channels"]] == ["a", "b", "c"]
    assert [c["frames"] for c in answer["channels"]] == [10, 10, 9]
    assert answer["frames_without_mask"] == []
    out = tmp_path / "out"
    assert {p.name for p in out.iterdir()} == {"masks", "boxes.csv", "track.json", "overlay.mp4"}
    track = Track.load(out)
    assert track.stems == list(clip.stems)
    assert overlap(track, clip) > 0.8
    assert len(track.info["doubt"]) == 10
    assert answer["most_doubtful"]["doubt"] == max(track.info["doubt"])
    assert track.info["masks"] == {f.name: str(f) for f in methods}


def test_what_it_says(fuse, methods, tmp_path):
    ran = fuse(*methods, f"twin={methods[1]}", "--no-overlay")
    assert ran.status == 0, ran
    lines = ran.out.splitlines()
    assert lines[0].split() == ["channel", "weight", "agreement", "frames"]
    assert [line.split()[0] for line in lines[1:5]] == ["a", "b", "c", "twin"]
    assert "10 frames of 4 channels fused by agreement alone" in ran.out
    assert not (tmp_path / "out" / "overlay.mp4").exists()


def test_with_weights_in_another_order(fuse, methods, clip, tmp_path):
    file = tmp_path / "weights.safetensors"
    save_mixing(file, MixingSettings(names=("c", "b", "a"), weights=(0, 9, 0), bias=-4.5))
    assert fuse(*methods, "--weights", file, "--no-overlay").status == 0
    track = Track.load(tmp_path / "out")
    assert [c["weight"] for c in track.info["channels"]] == [0, 9, 0]
    assert overlap(track, clip) > 0.9


def test_one_channel_and_a_result_folder(fuse, spectrack, still, frames_folder, tmp_path):
    tracked = tmp_path / "tracked"
    args = ("--box", "20,20,30,20", "--tracker", still, "--out", tracked)
    assert spectrack("track", frames_folder, *args).status == 0
    ran = fuse(tracked / "masks", "--json", "--no-overlay")
    assert ran.status == 0, ran
    assert [c["name"] for c in json.loads(ran.out)["channels"]] == ["tracked"]
    assert Track.load(tmp_path / "out").masks_thw().any()


@pytest.fixture
def two_objects(clip, tmp_path):
    """Folders of two methods with the koi as object 3 and a box that stays as object 1."""
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
        for stem, mask in zip(clip.stems, clip.masks_thw, strict=True):
            index = mask.astype(np.uint8) * 3
            index[60:75, 5:25] = 1
            write_index_png(folder / f"{stem}.png", index)
    return folders


def test_one_object_of_several(fuse, refused, two_objects, clip, frames_folder, tmp_path):
    with pytest.raises(InputError, match="channel a holds objects 1, 3; choose one"):
        st.fuse(two_objects, frames_folder)
    assert "channel a" in refused(*two_objects, "--object", 2)
    assert fuse(*two_objects, "--object", 3, "--no-overlay").status == 0
    assert overlap(Track.load(tmp_path / "out"), clip) > 0.8


def test_several_objects(fuse, spectrack, two_objects, clip, tmp_path):
    """All are fused, each as it is alone; what one method lacks is left to the other."""
    alone = {}
    for key in (1, 3):
        assert fuse(*two_objects, "--object", key, "--no-overlay").status == 0
        alone[key] = Track.load(tmp_path / "out")
        shutil.rmtree(tmp_path / "out")
    third = tmp_path / "c"  # knows the koi alone, and lacks a frame
    third.mkdir()
    for stem, mask in list(zip(clip.stems, clip.masks_thw, strict=True))[1:]:
        write_index_png(third / f"{stem}.png", mask.astype(np.uint8) * 3)
    ran = fuse(*two_objects, "--json", "--no-overlay")
    assert ran.status == 0, ran
    answer = json.loads(ran.out)
    assert (answer["objects"], answer["frames"], answer["frames_without_mask"]) == (2, 10, [])
    tracks = Tracks.load(tmp_path / "out")
    assert list(tracks) == [1, 3]
    for key, track in tracks.items():
        assert track.masks_thw().sum() > 0
        both = track.masks_thw() & alone[key].masks_thw()
        assert both.sum() / alone[key].masks_thw().sum() > 0.99  # one pixel has one object
        assert track.info["channels"] == alone[key].info["channels"]
        assert track.info["doubt"] == alone[key].info["doubt"]
        assert track.info["masks"] == {folder.name: str(folder) for folder in two_objects}
    again = fuse(*two_objects, third, "--overwrite", "--json")
    assert again.status == 0, again
    channels = {
        key: {c["name"]: c["frames"] for c in track.info["channels"]}
        for key, track in Tracks.load(tmp_path / "out").items()
    }
    assert channels == {1: {"a": 10, "b": 10, "c": 0}, 3: {"a": 10, "b": 10, "c": 9}}
    shown = spectrack("review", tmp_path / "out", "--top", "2").out
    assert "object" in shown
    text = fuse(*two_objects, third, "--overwrite", "--no-overlay").out
    assert "10 frames of 2 objects and 3 channels fused" in text


def test_masks_without_numbers_beside_several_objects(refused, two_objects, methods):
    sentence = refused(*two_objects, f"plain={methods[2]}")
    assert "channel plain does not number its objects and channel a holds objects 1, 3" in sentence


def test_a_folder_of_sequences(fuse, refused, methods, frames_folder, spectrack, tmp_path):
    for method in methods:
        for name in ("x", "y", "only-a")[: 3 if method.name == "a" else 2]:
            shutil.copytree(method, tmp_path / "all" / method.name / name)
    for name in ("x", "y"):
        shutil.copytree(frames_folder, tmp_path / "videos" / name)
    masks = [tmp_path / "all" / name for name in "abc"]
    places = ("--video", tmp_path / "videos", "--no-overlay")
    ran = fuse(*masks, *places)
    assert ran.status == 0, ran
    assert "2 sequences fused" in ran.out
    assert [line.split()[0] for line in ran.out.splitlines()[1:4]] == ["a", "b", "c"]
    assert len(Track.load(tmp_path / "out" / "x")) == 10
    again = json.loads(fuse(*masks, *places, "--json").out)
    assert again["kept"] == ["x", "y"]
    assert "was made with preset colour, not deep" in refused(*masks, *places, "--preset", "deep")
    assert "was made with masks" in refused(*masks[:2], *places)
    assert "was made with object None, not 1" in refused(*masks, *places, "--object", 1)
    for name in ("x", "y"):
        shutil.copytree(frames_folder, tmp_path / "films" / name)
    films = ("--video", tmp_path / "films", "--no-overlay")
    assert "was made with source" in refused(*masks, *films)
    assert "one sequence and others hold several" in refused(masks[0], methods[1], *places)
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("all", "videos", "films", "out"):
        shutil.move(tmp_path / name, moved / name)
    masks = [moved / "all" / name for name in "abc"]
    out = ("--no-overlay", "--out", moved / "out", "--json")
    ran = spectrack("fuse", *masks, "--video", moved / "videos", *out)
    assert json.loads(ran.out)["kept"] == ["x", "y"]
    for places in ((*masks[:2], "--video", moved / "videos"), (*masks, "--video", moved / "films")):
        assert "was made with" in spectrack("fuse", *places, *out).err


def test_names(fuse, refused, methods, tmp_path):
    assert "two channels are named b" in refused(methods[0], methods[1], f"b={methods[2]}")
    shutil.copytree(methods[0], tmp_path / "x" / "a")
    sentence = refused(*methods, tmp_path / "x" / "a")
    assert "two channels are named a; give names of your own as NAME=FOLDER" in sentence
    odd = shutil.copytree(methods[0], tmp_path / "run=3")
    ran = fuse(odd, f"mine={odd}", methods[1], "--json", "--no-overlay")
    assert [c["name"] for c in json.loads(ran.out)["channels"]] == ["run=3", "mine", "b"]


def test_masks_that_are_not_there(refused, methods):
    assert "no masks were given" in refused()
    assert "does not exist" in refused(methods[0], methods[0] / "none")
    assert "is not a folder" in refused(methods[0], methods[0] / "00000.png")


def test_masks_of_another_size(refused, methods):
    write_index_png(methods[1] / "00003.png", np.ones((40, 40), np.uint8))
    assert "00003.png is 40x40 but the frames are 128x80" in refused(*methods)


def test_masks_of_another_length(refused, methods):
    for number, file in enumerate(sorted(methods[1].iterdir())):
        file.rename(file.with_name(f"mask-{'abcdefghijkl'[number]}.png"))
    (methods[1] / "mask-a.png").unlink()
    assert "channel b:" in refused(*methods)
    assert "9 masks" in refused(*methods)


def test_a_damaged_mask(refused, methods):
    file = methods[1] / "00006.png"
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    assert "00006.png" in refused(*methods)


def test_nan(refused, methods, clip):
    bad = clip.masks_thw[5].astype(np.float32)
    bad[0, 0] = np.nan
    (methods[2] / "00005.png").unlink()
    np.save(methods[2] / "00005.npy", bad)
    assert "00005.npy holds NaN" in refused(*methods)


def test_weights_of_other_channels(refused, methods, tmp_path):
    file = tmp_path / "weights.safetensors"
    save_mixing(file, MixingSettings.robust(["a", "b", "d"]))
    sentence = refused(*methods, "--weights", file)
    assert "made for channels a, b, d and the masks are a, b, c" in sentence


@pytest.mark.parametrize("keep", [0, 0.5, 0.95])
def test_truncated_weights(refused, methods, tmp_path, keep):
    file = tmp_path / "weights.safetensors"
    save_mixing(file, MixingSettings.robust(["a", "b", "c"]))
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * keep)])
    assert "weights.safetensors" in refused(*methods, "--weights", file)
    file.unlink()
    assert "do not exist" in refused(*methods, "--weights", file)


def test_unknown_preset(refused, methods):
    assert "did you mean deep?" in refused(*methods, "--preset", "depe")
