"""CoreML files: one made up by the format's own rules, and the published ones."""

import struct

import numpy as np
import pytest
import torch

from fear_golden import weights_file
from siamese_golden import published_weights
from spectrack.errors import InputError
from spectrack.trackers.fear.network import fear_xs
from spectrack.weights.cache import cached
from spectrack.weights.convert import pull
from spectrack.weights.coreml import read_coreml, renamed
from spectrack.weights.files import read_weights, sha256_of
from spectrack.weights.table import WEIGHTS
from wire import field, varint


def layer(name, kind, body):
    return field(1, field(1, name.encode()) + field(2, b"before") + field(kind, body))


def halves(values):
    return field(2, np.asarray(values, "<f2").tobytes())


def model(*layers):
    network = b"".join(layers) + field(5, 1)
    return field(1, 4) + field(2, b"what goes in and out") + field(500, network)


@pytest.fixture
def small(tmp_path):
    scale = field(1, varint(3)) + field(2, halves([0.5, 0.25, 2]))
    shape = field(1, 2) + field(2, 3) + field(10, 1) + field(20, varint(1) + varint(2))
    weight = field(90, halves(np.arange(12)))
    bias = field(91, field(1, struct.pack("<2f", 0.1, -0.2)))
    bare = field(1, 300) + field(2, 1) + field(20, varint(1) + varint(1))
    rest = field(90, field(1, np.arange(300, dtype="<f4").tobytes()))
    path = tmp_path / "small.mlmodel"
    path.write_bytes(
        model(
            layer("scale_layer", 245, scale),
            layer("x.1", 100, shape + weight + bias + field(70, 1)),
            layer("relu", 130, field(10, b"")),
            layer("x", 100, bare + rest),
        )
    )
    return path


def test_numbers_are_read_with_their_shapes(small):
    found = read_coreml(small)
    assert list(found) == ["scale_layer.scale", "x.1.weight", "x.1.bias", "x.weight"]
    assert found["scale_layer.scale"].tolist() == [0.5, 0.25, 2]
    assert found["x.1.weight"].dtype == torch.float16
    assert torch.equal(found["x.1.weight"], torch.arange(12).half().view(2, 3, 1, 2))
    assert found["x.1.bias"].tolist() == pytest.approx([0.1, -0.2])
    assert found["x.weight"].shape == (300, 1, 1, 1)
    again = renamed(found, ["input", "first", "last"])
    assert list(again) == ["input.scale", "first.weight", "first.bias", "last.weight"]
    assert again["last.weight"] is found["x.weight"]
    assert renamed(found, ["input"]) == found


def test_every_way_of_cutting_it_off_is_told(small):
    whole = small.read_bytes()
    for length in range(len(whole)):
        small.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"CoreML|no convolutions"):
            read_coreml(small)
    small.write_bytes(b"\x80" * 40)
    with pytest.raises(InputError, match="endless"):
        read_weights(small)


def test_shapes_that_claim_other_numbers_are_told(tmp_path):
    path = tmp_path / "wrong.mlmodel"
    body = field(1, 2) + field(2, 3) + field(20, varint(1) * 2) + field(90, halves([1, 2, 3]))
    path.write_bytes(model(layer("x", 100, body)))
    with pytest.raises(InputError, match="cannot be read"):
        read_coreml(path)


def test_the_published_file_becomes_the_network(tmp_path, monkeypatch):
    path = published_weights("fear/Tracker.mlmodel")
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path))
    assert sha256_of(path) == WEIGHTS["fear_xs"].sha256
    pull("fear_xs", str(path))
    ours, theirs = read_weights(cached("fear_xs")).tensors, read_weights(weights_file("tracker"))
    assert set(ours) == set(fear_xs().state_dict())
    for name, tensor in theirs.tensors.items():
        assert torch.equal(ours[name], tensor), name
    with pytest.raises(InputError, match="another file than expected"):
        pull("fear_xs_noembs", str(path))
