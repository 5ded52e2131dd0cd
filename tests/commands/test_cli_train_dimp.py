"""`spectrack train dimp` and `train atom`: from a folder of data to weights that track."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.datasets.synthetic.stills import SOURCES
from spectrack.networks.resnet import ResNet
from spectrack.trackers.atom.network import ATOM
from spectrack.trackers.atom.train import LEARNER
from spectrack.trackers.dimp.network import DiMP
from spectrack.trackers.dimp.train import NETWORK
from spectrack.trackers.dimp.train_flags import DiMPArguments
from spectrack.trackers.dimp.train_plans import SMALL
from spectrack.weights.files import read_weights, write_weights
from spectrack.weights.networks import load_network
from tiny_training import little_work, write_image  # noqa: F401

NAMES = ("one", "two", "three", "four", "five", "six")
DIMP = replace(
    SMALL,
    train=replace(SMALL.train, batch_size=2, amp="none", device="cpu"),
    pairs=replace(SMALL.pairs, size=64, search=2.0, proposals=4),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six short sequences in the layout of DAVIS, and a still of every source."""
    root = tmp_path_factory.mktemp("data")
    davis = root / "davis2016"
    for number, name in enumerate(NAMES):
        clip = make_clip(3, size_wh=(96, 72), seed=10 + number)
        for t in range(3):
            stem = f"240p/{name}/{t:05d}"
            write_image(davis / "JPEGImages" / f"{stem}.jpg", clip.frames_thwc[t])
            write_image(davis / "Annotations" / f"{stem}.png", clip.masks_thw[t])
        if number < len(SOURCES):
            stills = root / "stills" / list(SOURCES)[number]
            write_image(stills / "images" / f"{name}.jpg", clip.frames_thwc[0])
            write_image(stills / "masks" / f"{name}.png", clip.masks_thw[0])
    (davis / "ImageSets" / "240p").mkdir(parents=True)
    (davis / "ImageSets" / "240p" / "train.txt").write_text("\n".join(NAMES) + "\n")
    return root


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small form with few maps behind its backbone."""
    monkeypatch.setattr("spectrack.trackers.dimp.train.SMALL", DIMP)
    described = {**NETWORK, "features": 8, "iou_maps": 8}
    monkeypatch.setattr("spectrack.trackers.dimp.train.NETWORK", described)


def test_the_small_form_learns_and_tracks(data, tmp_path, spectrack, tiny):
    run = tmp_path / "run"
    command = ["train", "dimp", "--small", "--data", data, "--epochs", "1", "--samples", "4"]
    ran = spectrack(*command, "--quiet", "--out", run)
    assert ran.status == 0, ran.err
    assert "learned from 4 stills and 5 videos" in ran.out
    assert "six" in ran.out
    file = run / "dimp.safetensors"
    loaded = load_network(str(file), DiMP)
    assert loaded.network.classifier.filter_initializer.filter_conv.weight.shape[0] == 8
    assert loaded.shown["width"] == 64
    about = read_weights(file).about
    assert about["terms"].startswith("research use")
    assert about["backbone_of"] == "mask_in_box"
    assert about["command"] == "spectrack train dimp --small"
    assert list(about["held_out"]["before"]) == list(about["held_out"]["after"]) == ["six"]

    # a finished run is not repeated, and goes on to be no other
    assert json.loads(spectrack("--json", *command, "--out", run).out)["weights"] == str(file)
    refused = spectrack(*command, "--seed", "1", "--out", run)
    assert refused.status == 2
    assert "holds a run with seed 0" in refused.err
    refused = spectrack(*command, "--backbone-of", file, "--out", run)
    assert refused.status == 2
    assert "holds a run with backbone_of mask_in_box" in refused.err

    # what it began with, for a study: the same backbone, another head
    start = tmp_path / "start.safetensors"
    DiMPArguments(data=data, out=tmp_path, small=True).write_start(start)
    before, after = (read_weights(f).tensors for f in (start, file))
    assert torch.equal(*(t["feature_extractor.stem.weight"] for t in (before, after)))
    changed = "bb_regressor.iou_predictor.weight"
    assert not torch.equal(before[changed], after[changed])
    again = tmp_path / "again.safetensors"  # a head of the seed, whatever was drawn before
    torch.rand(3)
    DiMPArguments(data=data, out=tmp_path, small=True).write_start(again)
    assert torch.equal(before[changed], read_weights(again).tensors[changed])
    DiMPArguments(data=data, out=tmp_path, small=True, seed=1).write_start(again)
    assert not torch.equal(before[changed], read_weights(again).tensors[changed])

    frames = data / "davis2016" / "JPEGImages" / "240p" / "six"
    ran = spectrack(
        "track", frames, "--box", "30,20,20,16", "--tracker", "dimp-small",
        "--set", f"weights={file}", "--out", tmp_path / "boxes", "--quiet",
    )  # fmt: skip
    assert ran.status == 0, ran.err


def test_atom_learns_on_a_given_backbone_and_tracks(data, tmp_path, spectrack, monkeypatch):
    torch.manual_seed(0)
    sizes = {"block": "basic", "depths": [1, 1, 1, 1], "widths": [4, 4, 8, 8], "stem": 4}
    described = {"kind": "atom", "backbone": sizes, "maps": 8}
    plan = replace(
        LEARNER.plan,
        train=replace(LEARNER.plan.train, batch_size=2, device="cpu"),
        pairs=replace(LEARNER.plan.pairs, size=64, proposals=4),
    )
    learner = replace(LEARNER, plan=plan, tell=lambda network: {"network": described})
    monkeypatch.setattr("spectrack.trackers.atom.train.LEARNER", learner)
    monkeypatch.setattr("spectrack.trackers.atom.network.atom18", lambda: ATOM(ResNet(**sizes), 8))
    given = ResNet(**sizes)
    write_weights(tmp_path / "resnet.safetensors", dict(given.state_dict()), {})
    run = tmp_path / "run"
    ran = spectrack(
        "train", "atom", "--data", data, "--epochs", "1", "--samples", "4", "--quiet",
        "--backbone-of", tmp_path / "resnet.safetensors", "--out", run,
    )  # fmt: skip
    assert ran.status == 0, ran.err
    network = load_network(str(run / "atom.safetensors"), ATOM).network
    for name, value in given.state_dict().items():
        assert torch.equal(network.feature_extractor.state_dict()[name], value), name
    frames = data / "davis2016" / "JPEGImages" / "240p" / "six"
    ran = spectrack(
        "track", frames, "--box", "30,20,20,16", "--tracker", "atom",
        "--set", f"weights={run / 'atom.safetensors'}", "--out", tmp_path / "boxes", "--quiet",
    )  # fmt: skip
    assert ran.status == 0, ran.err


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["dimp", "--epochs", "0"], "--epochs"),
        (["dimp", "--tracker", "dimp99"], "dimp99"),
        (["dimp", "--small", "--tracker", "dimp50"], "a form of its own"),
        (["dimp", "--start", "a", "--backbone-of", "b"], "to learn on, or"),
        (["dimp", "--small", "--backbone-of", "nothing.pth"], "nothing.pth do not exist"),
        (["atom"], "give weights of one that has learned"),
        (["dimp", "--tracker", "superdimp"], "stays as it is (feature_extractor.conv1, "),
    ],
)
def test_mistakes_are_told_before_work_begins(data, tmp_path, spectrack, given, told):
    out = tmp_path / "run"
    ran = spectrack("train", *given, "--data", data, "--out", out)
    assert ran.status == 2
    assert told in ran.err
    assert not out.exists()
