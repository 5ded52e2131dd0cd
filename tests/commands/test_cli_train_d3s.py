"""`spectrack train d3s`: from a folder of data to weights that track, given a box or a mask."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from small_d3s import DESCRIBED, LITTLE
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.networks.mobilenet_v2 import MobileNetLayers
from spectrack.trackers.d3s import train as train_module
from spectrack.trackers.d3s.network import D3S
from spectrack.trackers.d3s.settings import D3SSettings
from spectrack.weights.files import read_weights, write_weights
from spectrack.weights.networks import load_network
from tiny_training import little_work, write_image  # noqa: F401

SOURCES = ("ccp", "duts", "ecssd", "feralcat")
NAMES = ("one", "two", "three", "four", "five", "six")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six short sequences in the layout of DAVIS, and two stills of every source."""
    root = tmp_path_factory.mktemp("data")
    davis = root / "davis2016"
    for number, name in enumerate(NAMES):
        clip = make_clip(3, size_wh=(96, 72), seed=10 + number)
        for t in range(3):
            stem = f"240p/{name}/{t:05d}"
            write_image(davis / "JPEGImages" / f"{stem}.jpg", clip.frames_thwc[t])
            write_image(davis / "Annotations" / f"{stem}.png", clip.masks_thw[t])
        for source in SOURCES if number < 2 else ():
            stills = root / "stills" / source
            write_image(stills / "images" / f"{name}.jpg", clip.frames_thwc[0])
            write_image(stills / "masks" / f"{name}.png", 255 * clip.masks_thw[0].astype("uint8"))
    (davis / "ImageSets" / "240p").mkdir(parents=True)
    (davis / "ImageSets" / "240p" / "train.txt").write_text("\n".join(NAMES) + "\n")
    return root


@pytest.fixture
def backbone(tmp_path, monkeypatch) -> Path:
    """A file of a thin backbone; the small network has it, and little is asked of its filter."""
    monkeypatch.setattr(train_module, "MEASURED", D3SSettings(**LITTLE))
    plan = train_module.small_plan()
    thin = replace(plan, network=dict(DESCRIBED), pairs=replace(plan.pairs, side=64))
    monkeypatch.setattr(train_module, "small_plan", lambda: thin)
    file = tmp_path / "backbone.safetensors"
    write_weights(file, MobileNetLayers(0.25).state_dict(), {})
    return file


def test_it_learns_and_what_it_learned_tracks(data, backbone, tmp_path, spectrack):
    run = tmp_path / "run"
    command = ["train", "d3s", "--small", "--data", data, "--backbone", backbone, "--epochs", "1",
               "--samples", "4", "--quiet", "--out", run]  # fmt: skip
    ran = spectrack(*command)
    assert ran.status == 0, ran.err
    assert "8 stills and 5 videos" in ran.out
    assert "six" in ran.out
    file = run / "d3s.safetensors"
    network = load_network(str(file), D3S).network
    assert network.side == 64
    given = read_weights(backbone).tensors
    for name, value in network.feature_extractor.state_dict().items():
        assert torch.equal(value, given[name])
    about = read_weights(file).about
    assert about["terms"] == "research use"
    assert about["backbone"] == str(backbone)
    assert list(about["held_out"]["followed"]["after"]) == ["six"]
    assert not list(run.glob("stills*"))

    # a finished run is not repeated
    assert json.loads(spectrack("--json", *command).out)["weights"] == str(file)
    refused = spectrack(*command, "--seed", "1")
    assert refused.status == 2
    assert "holds a run with seed 0" in refused.err

    frames = data / "davis2016" / "JPEGImages" / "240p" / "six"
    mask = data / "davis2016" / "Annotations" / "240p" / "six" / "00000.png"
    settings = [item for k, v in LITTLE.items() for item in ("--set", f"{k}={v}")]
    for number, start in enumerate((["--box", "30,20,20,16"], ["--mask", mask])):
        out = tmp_path / f"out{number}"
        ran = spectrack(
            "track", frames, *start, "--tracker", "d3s", "--set", f"weights={file}", *settings,
            "--out", out, "--quiet",
        )  # fmt: skip
        assert ran.status == 0, ran.err
        assert len(list((out / "masks").glob("*.png"))) == 3


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--epochs", "0"], "--epochs"),
        (["--sequences", "seven"], "seven"),
        (["--backbone", "nothing.pth"], "nothing.pth do not exist"),
        (["--backbone", "fear"], "do not fit the backbone, a MobileNetLayers"),
    ],
)
def test_mistakes_are_told_before_work_begins(data, tmp_path, spectrack, given, told):
    out = tmp_path / "run"
    ran = spectrack("train", "d3s", "--small", "--data", data, "--out", out, *given)
    assert ran.status == 2
    assert told in ran.err
    assert not out.exists()
