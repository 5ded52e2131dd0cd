"""Graphs from the command to a runtime, and networks that are run by one."""

from __future__ import annotations

import json

import pytest
import torch

from random_mask_in_box import random_mask_in_box
from spectrack import threads
from spectrack.cli import main
from spectrack.errors import InputError
from spectrack.runtimes import export, mask_in_box, running
from spectrack.runtimes.export import difference_of, largest_difference, write_graph
from spectrack.runtimes.graph import Given, Graph, plain
from spectrack.runtimes.running import OnnxNetwork
from spectrack.runtimes.session import open_graph
from spectrack.runtimes.spectral import SFSegStep, sfseg_graphs
from spectrack.threads import side_by_side
from spectrack.tracking.looks import SIDE

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package, reason=f"the package {package} (extra onnx) is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the command writes of the spectral step."""
    out = tmp_path_factory.mktemp("graphs")
    assert main(["weights", "export", "sfseg", "--out", str(out), "--quiet"]) == 0
    return out


def test_the_files_hold_for_sizes_they_were_not_made_with(folder):
    step = SFSegStep()
    graph = open_graph(folder / "sfseg_step.onnx")
    for shape in ((4, 33, 9), (6, 8, 50)):
        x, unary = torch.rand(2, *shape, generator=torch.Generator().manual_seed(3))
        feature = torch.rand(3, *shape)
        (found,) = graph(x, unary, feature)
        assert (found - step(x, unary, feature)).abs().max() < 1e-6 + 1e-5 * found.max()


def test_the_files_say_what_they_are(folder):
    graph = open_graph(folder / "sfseg_step.onnx")
    assert graph.inputs == ("x", "unary", "feature")
    assert graph.notes["network"] == "sfseg"
    assert json.loads(graph.notes["inputs"])["feature"] == ["3", "t", "h", "w"]
    with pytest.raises(InputError, match=r"shapes \(2, 2\), \(2, 2\), \(2, 2\) were given"):
        graph(*torch.zeros(3, 2, 2))


def test_files_are_not_replaced_unasked(folder, capsys):
    assert main(["weights", "export", "sfseg", "--out", str(folder)]) == 2
    assert "pass --overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nothing"], "weights nothing do not exist"),
        (["sfseg", "--format", "tflite"], "tflite"),
        (["dimp_small"], "not on this machine"),
    ],
)
def test_what_cannot_be_written_is_told(tmp_path, monkeypatch, capsys, words, told):
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path / "cache"))
    assert main(["weights", "export", *words, "--out", str(tmp_path / "out")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("below", ["", "x"])
def test_a_file_where_a_folder_is_expected_is_told(tmp_path, capsys, below):
    (tmp_path / "pic.png").write_text("mine")
    assert main(["weights", "export", "sfseg", "--out", str(tmp_path / "pic.png" / below)]) == 2
    said = capsys.readouterr().err
    assert ("pic.png" in said, "cannot be used" in said, said.count("\n")) == (True, True, 1)
    assert (tmp_path / "pic.png").read_text() == "mine"


def test_a_file_that_answers_otherwise_is_seen(folder):
    network = SFSegStep()
    step, _ = sfseg_graphs(network)
    assert largest_difference(folder / "sfseg_step.onnx", network, step) < 1e-5
    network.get_buffer("taps1").mul_(1.5)
    network.get_buffer("taps0")[0, 0, 0] = 0.7
    assert largest_difference(folder / "sfseg_step.onnx", network, step) > 1e-3


def test_differences_are_shares_of_the_greatest_value():
    wanted = [torch.tensor([0.0, -200.0])]
    assert difference_of([torch.tensor([1.0, -200.0])], wanted) == pytest.approx(0.005)
    assert difference_of([torch.zeros(3)], wanted) == float("inf")
    assert not difference_of([torch.tensor([float("nan"), 0.0])], wanted) <= export.TOLERANCE


def test_graphs_of_a_network_are_made_once(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path))
    caplog.set_level("INFO", "spectrack")
    double = Graph("twice", lambda network, x: network.weight * x, {"x": Given(("n",))}, ("y",))
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(network.weight, 2.0)
    assert OnnxNetwork(network, [double])("twice", torch.ones(4))[0].tolist() == [[2.0] * 4]
    monkeypatch.setattr(running, "write_graph", lambda *_: pytest.fail("it was made again"))
    assert OnnxNetwork(network, [double])("twice", torch.ones(7))[0].tolist() == [[2.0] * 7]
    told = [one.getMessage() for one in caplog.records if one.name.startswith("spectrack")]
    assert told == ["making ONNX graphs of Linear: once, up to a minute"]
    torch.nn.init.constant_(network.weight, 3.0)
    with pytest.raises(pytest.fail.Exception):  # other numbers, another graph
        OnnxNetwork(network, [double])


def test_as_many_threads_work_on_a_graph_as_torch_has(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path))
    double = Graph("double", lambda network, x: network.weight * x, {"x": Given(("n",))}, ("y",))
    network = torch.nn.Linear(1, 1, bias=False)
    torch.set_num_threads(2)
    told, opened = running.open_graph, []
    monkeypatch.setattr(
        running, "open_graph", lambda path, threads: opened.append(threads) or told(path, threads)
    )
    monkeypatch.setattr(threads, "processors", lambda: 2)
    ready = OnnxNetwork(network, [double])
    numbers = torch.arange(3.0)
    alone = ready("double", numbers)[0]
    beside = side_by_side([lambda: ready("double", numbers)[0]] * 2)
    assert {*opened} == {1, 2}
    assert opened[0] == 2
    for path in tmp_path.rglob("*.onnx"):
        path.unlink()  # what is open stays
    running._opened.cache_clear()
    assert torch.equal(ready("double", numbers)[0], alone)
    assert torch.equal(beside[0], alone)
    assert torch.equal(beside[1], alone)


def test_masks_in_boxes_at_the_size_that_trackers_have(tmp_path):
    """Where the network has a way of its own for large maps, which a graph must not have."""
    network = plain(random_mask_in_box())
    features = next(one for one in mask_in_box.graphs_of(network) if one.name == "features")
    cells = SIDE // 32
    path = tmp_path / "features.onnx"
    written = write_graph(path, network, features.fixed(h=cells, w=cells))
    assert written.difference < 1e-5
    assert path.is_file()


def test_a_graph_that_is_wrong_is_not_written(tmp_path, monkeypatch):
    network = torch.nn.Linear(1, 1, bias=False)
    good = Graph("g", lambda network, x: network.weight * x, {"x": Given(("n",))}, ("y",))
    content = export._content(network, good, {})
    monkeypatch.setattr(export, "_content", lambda *_: content)
    wrong = Graph("g", lambda network, x: network.weight * x + 1, {"x": Given(("n",))}, ("y",))
    with pytest.raises(InputError, match="nothing was written"):
        write_graph(tmp_path / "g.onnx", network, wrong)
    narrow = Graph("g", good.function, {"x": Given(("n", 2))}, ("y",))
    with pytest.raises(InputError, match="does not take them"):
        write_graph(tmp_path / "g.onnx", network, narrow)
    assert not list(tmp_path.iterdir())
