"""ONNX graphs: made up by the format's own rules, NanoTrack's made of a network, published ones."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from siamese_golden import BOX_A, frames_ab, published_weights
from spectrack.cli import main
from spectrack.errors import InputError
from spectrack.networks.folding import for_inference
from spectrack.structures import Box, Target
from spectrack.trackers.nanotrack.network import NanoTrack
from spectrack.trackers.nanotrack.onnx_weights import ORDER
from spectrack.trackers.nanotrack.settings import NanoTrackSettings
from spectrack.trackers.nanotrack.tracker import NanoTracker
from spectrack.weights.files import read_weights
from spectrack.weights.networks import load_network
from spectrack.weights.onnx import read_onnx
from thin import randomise
from wire import field, varint


def tensor(name, values, shape=None, packed=False):
    values = np.asarray(values, "<f4")
    dims = values.shape if shape is None else shape
    told = field(1, b"".join(map(varint, dims))) if packed else b"".join(field(1, d) for d in dims)
    return field(5, told + field(2, 1) + field(8, name.encode()) + field(9, values.tobytes()))


def node(kind, *inputs, attributes=b""):
    names = b"".join(field(1, name.encode()) for name in inputs)
    return field(1, names + field(2, b"out") + field(4, kind.encode()) + attributes)


def graph(*parts):
    return field(1, 7) + field(2, b"made up") + field(7, b"".join(parts)) + field(8, b"\x10\x0e")


TRANSPOSED = field(5, field(1, b"transB") + field(3, 1))


@pytest.fixture
def small(tmp_path):
    floats = field(1, 2) + field(2, 1) + field(8, b"b") + field(4, struct.pack("<2f", 0.5, -1))
    path = tmp_path / "small.onnx"
    path.write_bytes(
        graph(
            node("Conv", "image", "w", "b"),
            node("Relu", "1"),
            node("Conv", "1", "given by another node"),
            node("Gemm", "2", "l", "b", attributes=TRANSPOSED),
            node("Gemm", "3", "l"),
            tensor("w", np.arange(12).reshape(2, 3, 1, 2), packed=True),
            tensor("l", [[1, 2, 3], [4, 5, 6]]),
            field(5, floats),
        )
    )
    return path


def test_layers_are_read_in_order_with_their_shapes(small):
    first, second, third = read_onnx(small)
    assert [layer.name for layer in (first, second, third)] == ["w", "l", "l"]
    assert torch.equal(first.weight, torch.arange(12.0).view(2, 3, 1, 2))
    assert first.bias.tolist() == [0.5, -1]
    assert second.weight.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert third.weight.tolist() == [[1, 4], [2, 5], [3, 6]]
    assert third.bias is None


def test_every_way_of_cutting_it_off_is_told(small):
    whole = small.read_bytes()
    for length in range(len(whole) - 5):
        small.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"ONNX|no layers"):
            read_onnx(small)
    small.write_bytes(b"\x80" * 40)
    with pytest.raises(InputError, match="endless"):
        read_onnx(small)


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        (tensor("w", np.zeros(4), shape=(2, 3, 1, 1)), "has 16 bytes for the shape"),
        (tensor("w", np.zeros(0), shape=(2**63, 2, 1, 1)), "has 0 bytes"),
        (tensor("w", np.zeros(1), shape=(1,) * 40), "has 4 bytes"),
        (field(5, field(2, 7) + field(8, b"w") + field(9, b"\0" * 8)), "other than float32"),
        (field(5, field(2, 1) + field(8, b"w") + field(13, b"weights.bin")), "in another file"),
        (b"", "no layers with weights"),
    ],
)
def test_what_claims_to_be_more_than_it_is_is_told(tmp_path, stored, told):
    path = tmp_path / "wrong.onnx"
    path.write_bytes(graph(node("Conv", "image", "w"), stored))
    with pytest.raises(InputError, match=told):
        read_onnx(path)


def graphs_of(network: NanoTrack, folder: Path) -> Path:
    """Both graphs as they are published: normalisations folded, layers without a name numbered."""
    folded = for_inference(network)
    head = [folded.ban_head.get_submodule(name) for name in ORDER[network.version]]
    for part, modules in (("backbone", [folded.backbone]), ("head", head)):
        nodes, stored = [], []
        for layer in (m for module in modules for m in module.modules() if hasattr(m, "weight")):
            names = [f"{len(stored)}.{kind}" for kind in ("weight", "bias")]
            values = [layer.weight, layer.bias]
            held = [(n, v) for n, v in zip(names, values, strict=True) if v is not None]
            kind, attributes = ("Gemm", TRANSPOSED) if layer.weight.ndim == 2 else ("Conv", b"")
            nodes.append(node(kind, "before", *(n for n, _ in held), attributes=attributes))
            stored += [tensor(n, v.detach().contiguous().numpy()) for n, v in held]
        (folder / f"nano_{part}_sim.onnx").write_bytes(graph(*nodes, *stored))
    return folder / "nano_backbone_sim.onnx"


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
@torch.inference_mode()
def test_graphs_of_a_network_become_that_network_and_track(tmp_path, version, capsys):
    network = randomise(NanoTrack(version))
    made = graphs_of(network, tmp_path)
    out = tmp_path / "nano.safetensors"
    assert main(["weights", "convert", str(made), "--out", str(out), "--quiet"]) == 0
    again = load_network(str(out), NanoTrack).network
    assert again.version == version
    images = torch.rand(1, 3, 127, 127) * 4, torch.rand(1, 3, 255, 255) * 4
    for a, b in zip(again(*images), network(*images), strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)
    about = read_weights(out).about
    assert set(about["files"]) == {"nano_backbone_sim.onnx", "nano_head_sim.onnx"}
    first, second = (frame[..., ::-1] for frame in frames_ab())
    answers = []
    for each in (network, again):
        tracker = NanoTracker(NanoTrackSettings(device="cpu"), each)
        tracker.init(np.ascontiguousarray(first), Target(Box(*map(float, BOX_A))))
        answers.append(tracker.update(np.ascontiguousarray(second)).box)
    assert list(answers[0]) == pytest.approx(list(answers[1]), abs=0.05)


def test_a_graph_without_the_other_and_of_another_network_is_told(tmp_path, small):
    made = graphs_of(randomise(NanoTrack("v1")), tmp_path)
    head = tmp_path / "nano_head_sim.onnx"
    whole = head.read_bytes()
    head.unlink()
    with pytest.raises(InputError, match="backbone alone; put the head beside it as nano_head"):
        read_weights(made)
    made.write_bytes(small.read_bytes())
    head.write_bytes(whole)
    with pytest.raises(InputError, match="of no network that is known"):
        read_weights(head)
    with pytest.raises(InputError, match="not by its name"):
        read_weights(small)


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
@torch.inference_mode()
def test_published_graphs_are_the_published_checkpoint(version):
    """Equal but for what folding the normalisations rounds."""
    graphs = published_weights(f"nanotrack/nanotrack{version}_head.onnx")
    checkpoint = published_weights(f"nanotrack/nanotrack{version}.pth")
    ours, theirs = (
        for_inference(load_network(str(path), NanoTrack).network) for path in (graphs, checkpoint)
    )
    assert ours.version == theirs.version == version
    expected = theirs.state_dict()
    for name, value in ours.state_dict().items():
        if not name.startswith("neck"):
            share = 2e-6 * max(expected[name].abs().max().item(), 1.0)
            torch.testing.assert_close(value, expected[name], atol=share, rtol=0)
