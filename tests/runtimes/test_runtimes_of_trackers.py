"""Networks with their own verbs in another runtime, and trackers that are told to use one."""

from __future__ import annotations

import pytest
import torch

from fear_golden import random_fear
from random_mask_in_box import random_mask_in_box
from spectrack.cli import main
from spectrack.errors import InputError
from spectrack.networks.mask_in_box import Memory
from spectrack.runtimes import mask_in_box
from spectrack.runtimes.mask_in_box import OnnxMaskInBox
from spectrack.trackers.fear import graphs as fear_graphs
from spectrack.trackers.fear.graphs import OnnxFEAR
from spectrack.trackers.nanotrack import graphs as nano_graphs
from spectrack.trackers.nanotrack.graphs import OnnxNanoTrack
from spectrack.trackers.nanotrack.network import NanoTrack
from spectrack.tracking.runtime_settings import with_chosen_runtime, with_runtime
from spectrack.tracking.table import settings_of

CHANCE = torch.Generator().manual_seed(0)


class ByTorch:
    """In place of a runtime: the functions of the graphs by torch, and what was asked of them."""

    def __init__(self, network, graphs):
        self.network, self.graphs = network, {graph.name: graph for graph in graphs}

    def __call__(self, name, *tensors):
        graph = self.graphs[name]
        for tensor, given in zip(tensors, graph.inputs.values(), strict=True):
            fixed = [(a, b) for a, b in zip(tensor.shape, given.axes, strict=True) if b != "n"]
            assert all(a == b for a, b in fixed if isinstance(b, int))
        return graph.answer(self.network, *tensors)


@pytest.fixture(autouse=True)
def by_torch(monkeypatch):
    for module in (mask_in_box, fear_graphs, nano_graphs):
        monkeypatch.setattr(module, "OnnxNetwork", ByTorch)


@torch.inference_mode()
def test_masks_in_boxes_with_and_without_a_memory():
    network = random_mask_in_box()
    images = 2 * torch.rand(2, 3, 64, 64, generator=CHANCE) - 1
    hints = torch.rand(2, 5, 64, 64, generator=CHANCE)
    other = OnnxMaskInBox(network, 64)
    assert torch.equal(other(images, hints), network(images, hints))
    seen = network.features(images, hints)
    kept = network.remember(seen, hints[:, :1], hints[:, 1:2])
    told = other.remember(other.features(images, hints), hints[:, :1], hints[:, 1:2])
    assert torch.equal(told.values_nvt, kept.values_nvt)
    memory = Memory.of(kept, kept).in_a_row()
    assert torch.equal(other(images, hints, memory), network(images, hints, memory))
    assert not torch.equal(other(images, hints, memory), other(images, hints))


@torch.inference_mode()
def test_fear():
    network = random_fear()
    other = OnnxFEAR(network)
    template, search = (255 * torch.rand(1, 3, n, n, generator=CHANCE) for n in (128, 256))
    found = other.compare(other.encode(template), other.encode(search))
    for one, wanted in zip(found, network(template, search), strict=True):
        assert torch.equal(one, wanted)


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
@torch.inference_mode()
def test_nanotrack(version):
    torch.manual_seed(0)
    network = NanoTrack(version).eval()
    other = OnnxNanoTrack(network)
    template, search = (255 * torch.rand(1, 3, n, n, generator=CHANCE) for n in (127, 255))
    found = other.compare(other.remember(other.extract(template)), other.extract(search))
    for one, wanted in zip(found, network(template, search), strict=True):
        assert torch.equal(one, wanted)
    assert other.cells == found[0].shape[-1]


def test_a_runtime_goes_on_to_trackers_inside_that_know_it():
    assert with_runtime("fear", {}, "onnx") == {"runtime": "onnx"}
    assert with_runtime("fear", {"runtime": "torch"}, "onnx") == {"runtime": "torch"}
    assert with_runtime("csrt", {}, "onnx") == {}
    assert with_runtime("fear", {}, "torch") == {}
    assert with_chosen_runtime("nanomask", {"memory": "2"}, "onnx") == {
        "memory": "2",
        "runtime": "onnx",
    }
    with pytest.raises(InputError, match="leave one out"):
        with_chosen_runtime("fear", {"runtime": "torch"}, "onnx")


def test_settings_say_what_does_not_go_together():
    assert settings_of("fear", runtime="onnx", device="cpu").runtime == "onnx"
    with pytest.raises(InputError, match="works on the CPU"):
        settings_of("nanotrack", runtime="onnx", device="cuda")
    with pytest.raises(InputError, match="runtime"):
        settings_of("sftrack", runtime="paper")


def test_the_command_names_the_trackers_that_know_another_runtime(tmp_path, capsys):
    words = ["track", "v.mp4", "--box", "1,1,9,9", "--out", str(tmp_path / "o")]
    assert main([*words, "--tracker", "csrt", "--runtime", "onnx"]) == 2
    told = capsys.readouterr().err
    assert "tracker csrt knows torch alone" in told
    assert "sftrack, sftrack-fast, sftrack-permissive, nanomask, nanotrack, fear" in told
