"""Masks beside the tracked ones: loaded, refined, fused and exported, compared with the library."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from spectrack.api import fuse_all, open_frames, refine_all
from spectrack.app import work
from spectrack.app.edits import AddObject, SetKey
from spectrack.app.exporting import OVERLAY, file_name, formats
from spectrack.app.jobs import Export, MakeLayer, Publish
from spectrack.app.keys import Key
from spectrack.app.session import About, Session
from spectrack.app.views import Views
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.exports.base import About as AboutExport
from spectrack.exports.table import FORMATS
from spectrack.metrics.regions import jaccard_t
from spectrack.structures import Mask
from spectrack.tracks import Tracks
from spectrack.video.reader import open_video

SIZE, LENGTH = (96, 64), 7


def silent(*told):
    """Hears nothing and stops nothing."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    made = make_clip(LENGTH, SIZE, seed=3)
    path = tmp_path_factory.mktemp("clip") / "pond.npy"
    np.save(path, made.frames_thwc)
    return path, made


@pytest.fixture(scope="module")
def rough(clip):
    """Two methods: one misses every other row, one answers a pixel aside."""
    truth_thw = clip[1].masks_thw
    rows = truth_thw.copy()
    rows[:, ::2] = False
    return {"rows": rows, "aside": np.roll(truth_thw, 1, axis=2)}


@pytest.fixture(scope="module")
def layers(clip, rough, tmp_path_factory):
    """The folder of a layer of each method, as the page loads it."""
    root = tmp_path_factory.mktemp("layers")
    for name, masks_thw in rough.items():
        np.save(root / f"{name}.npy", masks_thw)
        job = MakeLayer(clip[0], "load", {name: root / f"{name}.npy"}, root / name)
        work.make_layer(job, silent, silent)
    return {name: root / name for name in rough}


def test_a_layer_refined_is_what_the_library_makes_of_it(clip, rough, layers, tmp_path):
    told = []
    job = MakeLayer(clip[0], "refine", {"masks": layers["rows"]}, tmp_path / "001")
    work.make_layer(job, lambda *what: told.append(what), silent)
    expected = refine_all(rough["rows"], clip[1].frames_thwc)
    found = Tracks.load(tmp_path / "001")
    np.testing.assert_array_equal(found.first.masks_thw(), expected.first.masks_thw())
    assert not np.array_equal(found.first.masks_thw(), rough["rows"])
    assert told[-1] == ("progress", LENGTH, LENGTH)


def test_two_layers_fused_are_what_the_library_makes_of_them(clip, layers, tmp_path):
    sources = {"left": layers["rows"], "right": layers["aside"]}
    work.make_layer(MakeLayer(clip[0], "fuse", sources, tmp_path / "001"), silent, silent)
    expected = fuse_all({n: Tracks.load(f).first for n, f in sources.items()}, str(clip[0]))
    found = Tracks.load(tmp_path / "001").first.masks_thw()
    np.testing.assert_array_equal(found, expected.first.masks_thw())
    rows = Tracks.load(layers["rows"]).first.masks_thw()
    truth_thw = clip[1].masks_thw
    assert jaccard_t(found, truth_thw).mean() > jaccard_t(rows, truth_thw).mean() + 0.1


def test_what_somebody_drew_is_not_refined(clip, rough, tmp_path):
    about = About(clip[0], SIZE, LENGTH, 24.0, tuple(f"{i:05d}" for i in range(LENGTH)))
    drawn = rough["rows"][3]
    with Session.create(tmp_path / "s", about) as session:
        session.apply(AddObject(1, "koi"))
        for frame in range(LENGTH):  # each frame says something, one of them by a box alone
            mask = Mask.encode(rough["rows"][frame])
            session.apply(SetKey(1, frame, Key("mask", mask)))
        keys = {1: {f: k.plain() for f, k in session.project.objects[1].keys.items()}}
        spans = {1: tuple((s.frames.start, s.frames.stop, tmp_path / "none")
                          for s in Views(session).spans(1))}  # fmt: skip
        order = Publish(SIZE, about.stems, spans, keys, False, {}, tmp_path / "result")
        work.publish(order, silent, silent)
    assert work.known_frames(tmp_path / "result") == {1: list(range(LENGTH))}
    only = Tracks.load(tmp_path / "result")
    only.first.info["keyframes"] = {"3": {"mask": True}, "4": {"mask": False}, "5": "gone"}
    only.save(tmp_path / "one")
    assert work.known_frames(tmp_path / "one") == {1: [3]}
    job = MakeLayer(clip[0], "refine", {"masks": tmp_path / "one"}, tmp_path / "001")
    work.make_layer(job, silent, silent)
    found = Tracks.load(tmp_path / "001").first
    np.testing.assert_array_equal(found.mask(3), drawn)
    assert not np.array_equal(found.mask(4), rough["rows"][4])


@pytest.mark.parametrize("name", [*FORMATS, OVERLAY])
def test_a_layer_in_every_format(clip, layers, tmp_path, name):
    out = tmp_path / file_name("pond", name)
    work.export(Export(layers["aside"], clip[0], name, out), silent, silent)
    assert sorted(path.name for path in tmp_path.iterdir()) == [out.name]  # nothing beside it
    place = out
    if out.suffix == ".zip":
        place = tmp_path / "unpacked"
        with zipfile.ZipFile(out) as archive:
            archive.extractall(place)
    if out.suffix in {".mp4", ".mov", ".webm"}:
        with open_video(out) as frames:
            assert sum(1 for _ in frames) == LENGTH
    elif name == "cutouts":
        assert len(list(place.rglob("*.png"))) == LENGTH
    else:
        given = Tracks.load(layers["aside"]).first
        with open_frames(str(clip[0])) as frames:
            read = FORMATS[name].reader(place, AboutExport(name="pond", frames=frames)).first
        known = 1 if name == "vot" else 0  # its first line says that the tracker was started there
        for before, after in list(zip(given, read, strict=True))[known:]:
            assert np.allclose([*after.box], [*before.box], atol=1.5)


def test_formats_of_the_page_are_all_there_are():
    assert set(formats()) == {*FORMATS, OVERLAY}
    assert next(iter(formats())) == "result"
