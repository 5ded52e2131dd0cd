"""Weights into networks by name or file, and what differs where they do not fit."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pytracking_like import checkpoint_of
from spectrack.errors import InputError
from spectrack.weights import described, entry, files, table
from spectrack.weights.cache import cached
from spectrack.weights.convert import convert, pull
from spectrack.weights.entry import build_network
from spectrack.weights.files import read_safetensors, read_weights, write_weights
from spectrack.weights.load import find_weights, load_weights
from spectrack.weights.matching import Differences, compare
from spectrack.weights.networks import load_network
from spectrack.weights.table import WEIGHTS, WeightsEntry

SPEC = Path(__file__).resolve().parents[3] / "shared" / "spec" / "pytracking_family"


THIN = {"block": "basic", "depths": [1] * 4, "widths": [8] * 4, "stem": 8}


def tiny(width: int = 4) -> nn.Sequential:
    """A network of seven tensors."""
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width))


@pytest.fixture
def tiny_entry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[WeightsEntry]:
    """The only row of the table: weights ``tiny``, of the network above; a cache of its own."""
    entry = WeightsEntry(
        description="a test",
        file="tiny.pth",
        paper="none",
        licence="none",
        networks={"": f"{__name__}:tiny"},
    )
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path / "cache"))
    with mock.patch.dict(WEIGHTS, {"tiny": entry}, clear=True):
        yield entry


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Weights of the network above as a checkpoint of pytracking."""
    torch.manual_seed(1)
    return checkpoint_of(tiny().state_dict(), tmp_path / "tiny.pth")


def test_a_checkpoint_is_loaded_without_converting(checkpoint):
    network = tiny()
    loaded = load_weights(network, checkpoint)
    net = read_weights(checkpoint).tensors
    assert all(torch.equal(t, net[name]) for name, t in network.state_dict().items())
    assert (loaded.path, loaded.missing, loaded.extra) == (checkpoint, (), ())
    assert loaded.about["constructor"]["kwds"]["filter_size"] == 1


def test_a_checkpoint_may_call_its_tensors_state_dict(tmp_path):
    path, net = tmp_path / "tiny.pth", tiny().state_dict()
    torch.save({"epoch": 26, "state_dict": net, "optimizer": {"state": {}}}, path)
    file = read_weights(path)
    assert list(file.tensors) == list(net)
    assert file.about["epoch"] == 26
    network = tiny()
    load_weights(network, path)
    assert all(torch.equal(t, net[name]) for name, t in network.state_dict().items())


@pytest.mark.parametrize("says", ["its network", "nothing", "by name"])
def test_a_file_is_read_once_and_networks_built_once(checkpoint, tiny_entry, monkeypatch, says):
    read, built = [], []

    def reading(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
        read.append(path)
        return read_safetensors(path)

    def building(target: str, *arguments: object, **named: object) -> nn.Module:
        built.append(target)
        return nn.Sequential(*tiny()) if target == "kind" else build_network(target)

    path = pull("tiny", str(checkpoint)).path
    if says == "its network":
        monkeypatch.setitem(described.KINDS, "tiny", "kind")
        note = {"network": {"kind": "tiny", "backbone": THIN}}
        write_weights(path, read_weights(path).tensors, note)
    for module in (entry, described):
        monkeypatch.setattr(module, "build_network", building)
    monkeypatch.setattr(files, "read_safetensors", reading)
    loaded = load_network("tiny" if says == "by name" else str(path), nn.Sequential)
    assert read == [path]
    assert len(built) == 1
    assert not loaded.network.training
    assert torch.equal(loaded.network[0].weight, read_weights(checkpoint).tensors["0.weight"])


def test_kinds_of_described_networks_are_there_and_loaded_when_used():
    for target in described.KINDS.values():
        module, name = target.split(":")
        assert issubclass(getattr(importlib.import_module(module), name), nn.Module)
    code = (
        "import sys, spectrack.weights.networks; print([m for m in sys.modules if 'trackers' in m])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_pulled_weights_are_found_by_name(checkpoint, tiny_entry):
    with pytest.raises(InputError, match="not on this machine; get them by: spectrack"):
        load_weights(tiny(), "tiny")
    pulled = pull("tiny", str(checkpoint))
    assert pulled.networks == ("tiny",)
    network = tiny()
    loaded = load_weights(network, "tiny")
    assert loaded.path == pulled.path == cached("tiny")
    assert torch.equal(network[0].weight, read_weights(checkpoint).tensors["0.weight"])
    assert loaded.about["source"] == "tiny.pth"
    assert checkpoint.exists()


def test_weights_of_another_network_are_not_pulled(tmp_path, tiny_entry):
    other = checkpoint_of(tiny(5).state_dict(), tmp_path / "other.pth")
    with pytest.raises(
        InputError, match=r"is not tiny: 6 of another shape \(0\.weight 5x3x3x3 for 4"
    ):
        pull("tiny", str(other))
    assert not cached("tiny").exists()


def test_no_source_is_made_up(tiny_entry):
    said = "where weights tiny are to be had is not known; give a local file or URL by --from"
    with pytest.raises(InputError, match=said):
        pull("tiny")
    assert [entry.sources for entry in WEIGHTS.values()] == [()]


def test_what_does_not_fit_is_told_by_name(tmp_path):
    tensors = tiny().state_dict()
    del tensors["1.bias"], tensors["1.weight"], tensors["1.running_mean"], tensors["0.bias"]
    tensors |= {"fc.weight": torch.ones(1), "0.weight": torch.ones(4, 3, 1, 1)}
    path = tmp_path / "a.safetensors"
    save_file(tensors, path)
    network = tiny()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(InputError) as refused:
        load_weights(network, path)
    assert str(refused.value) == (
        f"weights {path} do not fit Sequential: 4 missing (0.bias, 1.weight, 1.bias and 1 more), "
        "1 extra (fc.weight), 1 of another shape (0.weight 4x3x1x1 for 4x3x3x3); "
        f"see spectrack weights verify {path}"
    )
    with pytest.raises(InputError, match="of another shape"):
        load_weights(network, path, strict=False)
    assert all(torch.equal(t, before[name]) for name, t in network.state_dict().items())
    del tensors["0.weight"]
    tensors["1.running_var"] = torch.full((4,), 7.0)
    save_file(tensors, path)
    loaded = load_weights(network, path, strict=False)
    assert loaded.extra == ("fc.weight",)
    assert "0.weight" in loaded.missing
    assert torch.equal(network[1].running_var, torch.full((4,), 7.0))


def test_step_counters_of_batch_norms_may_be_absent():
    names = {"a.weight": (2,), "a.num_batches_tracked": ()}
    assert compare(names, {"a.weight": (2,)}) == Differences((), (), ())
    assert len(compare({"a.weight": (2,)}, names)) == 1


def test_half_precision_is_loaded_into_whole(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"weight": torch.tensor([[1.5]]).half()}, path)
    network = nn.Linear(1, 1, bias=False)
    load_weights(network, path)
    assert network.weight.dtype == torch.float32
    assert network.weight.item() == 1.5


def test_shipped_weights_need_no_cache():
    assert find_weights("sftrack").name == "sftrack.safetensors"
    with pytest.raises(InputError, match="give a file, or one of sftrack, mask_in_box"):
        find_weights("nonsense")


def test_conversion_keeps_tensors_and_says_where_they_are_from(checkpoint, tmp_path):
    first = convert(checkpoint, tmp_path / "new" / "a.safetensors")
    again = convert(first.path, tmp_path / "b.safetensors")
    assert again.about == first.about
    file = read_weights(again.path)
    assert file.about == first.about
    assert len(file.about["sha256"]) == 64
    assert file.about["constructor"]["function"] == "ltr.models.rts.rts.rts50"
    net = read_weights(checkpoint).tensors
    assert file.tensors.keys() == net.keys()
    assert all(torch.equal(file.tensors[name], tensor) for name, tensor in net.items())
    assert again.path.read_bytes() == first.path.read_bytes()


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError("no space is left")

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="no space is left"):
        write_weights(path, {"a": torch.ones(1)}, {})
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]
    assert path.read_bytes() == b"old"


def listed_names() -> list[str]:
    """Weights whose names this list tells; all where it is not there. Others have tests apart."""
    names = [name for name, entry in WEIGHTS.items() if entry.networks and not entry.asset]
    there = [name for name in names if (SPEC / f"params_{name}.txt").is_file()]
    return there or names


@pytest.mark.parametrize("name", listed_names())
def test_networks_have_the_published_names_and_shapes(name):
    listed = SPEC / f"params_{name}.txt"
    if not listed.is_file():
        pytest.skip(f"no list of published names at {listed}")
    lines = (line.split() for line in listed.read_text().splitlines() if line[0] in "PB")
    published = {
        n: () if shape == "scalar" else tuple(map(int, shape.split("x")))
        for _, n, shape, _ in lines
    }
    shapes = WEIGHTS[name].shapes()
    assert shapes == published
    # SuperDiMP's and DiMP's have the same names and shapes
    same = [fit for fit, differences in table.fits(published) if not len(differences)]
    assert name in same


def test_shipped_weights_fit_their_network():
    entry = WEIGHTS["sftrack"]
    network = entry.build()
    assert entry.shapes() == {n: tuple(t.shape) for n, t in network.state_dict().items()}
    loaded = load_weights(network, "sftrack")
    assert (loaded.missing, loaded.extra) == ((), ())


def test_what_has_no_network_builds_none():
    assert WEIGHTS["super_dimp_simple"].build() is None
    assert WEIGHTS["super_dimp_simple"].shapes() is None
    assert "super_dimp_simple" not in dict(table.fits({}))
