"""What a method is known by, and one sequence of several objects by it."""

from __future__ import annotations

import csv
import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.following import follow
from spectrack.evaluation.method import Method, forget_trackers
from spectrack.structures import Box
from spectrack.video.frames import ArrayFrames
from still_tracker import StillTracker


def test_a_fingerprint_changes_with_all_that_answers_depend_on(tmp_path, monkeypatch):
    file = tmp_path / "fear.safetensors"
    file.write_bytes(b"one")
    monkeypatch.setattr("spectrack.evaluation.method.place_of", lambda name: file)
    first = Method("fear")
    assert first.weights == {"fear": hashlib.sha256(b"one").hexdigest()}
    assert first.describe()["weights"] == first.weights
    prints = [first.fingerprint, Method("fear", clean=False).fingerprint]
    prints += [Method("fear", from_mask=True).fingerprint, Method("nanotrack").fingerprint]
    prints += [Method("fear", mode="supervised").fingerprint]
    prints += [Method("nanotrack", {"version": "v2"}).fingerprint]
    file.write_bytes(b"two")
    prints += [first.fingerprint]
    assert len(set(prints)) == len(prints)
    assert first.fingerprint == Method("fear", {}).fingerprint
    assert first.folder(tmp_path) == tmp_path / f"fear-{first.fingerprint}"


def test_weights_that_settings_name_are_found(tmp_path, monkeypatch):
    file = tmp_path / "mine.safetensors"
    file.write_bytes(b"mine")
    monkeypatch.setattr("spectrack.evaluation.method.place_of", lambda name: tmp_path / name)
    for name in ("fear", "nanotrack", "sftrack"):
        (tmp_path / name).write_bytes(name.encode())
    wanted = hashlib.sha256(b"mine").hexdigest()
    assert Method("nanotrack", {"weights": str(file)}).weights["mine.safetensors"] == wanted
    inputs = f"flow,nanotrack:weights={file};window=0.4"
    found = Method("sftrack", {"inputs": inputs}).weights
    assert set(found) == {"fear", "mine.safetensors", "nanotrack", "sftrack"}
    assert Method("kcf").weights == {}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"tracker": "nobody"}, "'nobody' is unknown"),
        ({"tracker": "kcf", "settings": {"colour": "red"}}, "no setting"),
        ({"tracker": "kcf", "mode": "twice"}, "mode 'twice' is unknown"),
    ],
)
def test_what_cannot_be_a_method_is_told(given, told):
    with pytest.raises(InputError, match=told):
        Method(**given)


@pytest.fixture
def two_objects():
    """Object 2 appears in frame 2, somewhere else than object 1; there are 4 frames."""
    ids = np.zeros((4, 20, 30), np.uint8)
    ids[:, 2:8, 3:9] = 1
    ids[2:, 10:16, 15:25] = 2
    frames = np.random.default_rng(0).integers(0, 255, (4, 20, 30, 3), dtype=np.uint8)
    return VideoSequence(
        "two",
        ("000", "010", "020", "030"),
        lambda: ArrayFrames(frames),
        read_mask=lambda i: ids[i] > 0,
        read_objects=ids.__getitem__,
        starts={1: 0, 2: 2},
    ), ids


def test_objects_are_given_where_they_appear(still, two_objects):
    sequence, ids = two_objects
    answer = follow(Method(still, from_mask=True, clean=False), sequence)
    assert set(answer.files) == {f"{s}.png" for s in sequence.stems} | {"boxes.csv", "track.json"}
    for index, stem in enumerate(sequence.stems):
        with Image.open(io.BytesIO(answer.files[f"{stem}.png"])) as image:
            np.testing.assert_array_equal(np.asarray(image), ids[index])
    rows = list(csv.DictReader(io.StringIO(answer.files["boxes.csv"].decode())))
    seen = [(r["frame"], r["object"], r["found"]) for r in rows if r["object"] == "2"]
    assert seen == [("000", "2", "0"), ("010", "2", "0"), ("020", "2", "1"), ("030", "2", "1")]
    late = next(r for r in rows if r["object"] == "2" and r["found"] == "1")
    assert Box(*(float(late[k]) for k in "xywh")) == Box(15, 10, 10, 6)


def test_trackers_are_used_again_unless_something_went_wrong(still, two_objects, monkeypatch):
    sequence, _ = two_objects
    method = Method(still, clean=False)
    forget_trackers()
    with method.at_work() as first:
        pass
    follow(method, sequence)
    with method.at_work() as again:
        assert again is first
    with monkeypatch.context() as patched:
        patched.setattr(StillTracker, "_update", lambda *a: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            follow(method, sequence)
    with method.at_work() as other:
        assert other is not first
