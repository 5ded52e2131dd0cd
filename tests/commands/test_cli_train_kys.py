"""`spectrack train kys`: from a DiMP and videos to weights that say what network they are of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from spectrack.cli import main
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.structures import Box, Target
from spectrack.trackers.kys.network import KYS
from spectrack.trackers.kys.train_start import start_from
from spectrack.tracking.table import make_tracker
from spectrack.weights.described import make_network, save_described
from spectrack.weights.files import read_weights
from spectrack.weights.networks import load_network
from thin import randomise
from thin_kys import DESCRIBED
from tiny_training import little_work, write_image  # noqa: F401

NAMES = ("one", "two", "three", "four", "five", "six", "seven")
TINY = ["--samples", "2", "--frames", "2", "--batch", "2", "--epochs", "1", "--quiet"]
DIMP = {**DESCRIBED, "kind": "dimp"}
LOOK = {"samples": {"size_wh": [96, 96], "search": 4.0}}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven short sequences in the layout of DAVIS."""
    root = tmp_path_factory.mktemp("data")
    davis = root / "davis2016"
    for number, name in enumerate(NAMES):
        clip = make_clip(5, size_wh=(96, 72), seed=10 + number)
        for t in range(5):
            frame = davis / "JPEGImages" / "240p" / name / f"{t:05d}.jpg"
            write_image(frame, clip.frames_thwc[t])
            mask = davis / "Annotations" / "240p" / name / f"{t:05d}.png"
            write_image(mask, clip.masks_thw[t])
    (davis / "ImageSets" / "240p").mkdir(parents=True)
    (davis / "ImageSets" / "240p" / "train.txt").write_text("\n".join(NAMES) + "\n")
    return root


@pytest.fixture(scope="module")
def dimp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DiMP that was learned here."""
    path = tmp_path_factory.mktemp("start") / "dimp.safetensors"
    save_described(path, randomise(make_network(DIMP)), DIMP, LOOK)
    return path


def command(data: Path, out: Path, start: Path) -> list[str]:
    return ["train", "kys", "--data", str(data), "--out", str(out), "--start", str(start), *TINY]


def test_a_dimp_becomes_a_kys_that_follows(
    data: Path, dimp: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(command(data, out, dimp)) == 0
    file = out / "kys.safetensors"
    about = read_weights(file).about
    assert about["network"] == json.loads(json.dumps(DESCRIBED))
    assert about["terms"] == "research use"
    # as hold_out has it for the DiMP below, and not the last ones
    assert about["held_out"] == ["six"]
    learned = load_network(str(file), KYS)
    assert learned.shown == {"width": 96, "height": 96, "search": 4.0, "label": 0.25}
    given = read_weights(dimp).tensors
    for name, value in learned.network.state_dict().items():
        old = name.replace("backbone_feature_extractor", "feature_extractor")
        old = old.replace("dimp_classifier", "classifier")
        assert name.startswith("predictor.") or torch.equal(value, given[old]), name
    tracker = make_tracker("kys", weights=str(file), device="cpu")
    assert tracker.settings.side == 96
    frame = make_clip(1, size_wh=(96, 72), seed=10).frames_thwc[0]
    tracker.init(frame, Target(Box(30, 20, 20, 16)))
    assert np.isfinite(list(tracker.update(frame).box)).all()

    # A finished run is not repeated; one may learn on from it, as KYS.
    capsys.readouterr()
    assert main(["--json", *command(data, out, dimp)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["weights"] == str(file)
    assert 0 <= told["hits"] <= 1
    assert told["videos"] == 6
    assert main([*command(data, out, dimp), "--seed", "1"]) == 2
    assert "holds a run with seed 0" in capsys.readouterr().err
    assert main(command(data, tmp_path / "on", file)) == 0


def test_the_predictor_begins_by_the_seed(dimp: Path) -> None:
    made = [start_from(dimp, seed)[0].predictor.state_dict() for seed in (3, 3, 4)]
    assert all(torch.equal(value, made[1][name]) for name, value in made[0].items())
    assert any(not torch.equal(value, made[2][name]) for name, value in made[0].items())


def test_mistakes_are_told_before_work_begins(
    data: Path, dimp: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    newton = DIMP | {"learner": "prdimp"}
    other = tmp_path / "prdimp.safetensors"
    save_described(other, randomise(make_network(newton)), newton, LOOK)
    for given, said in (
        (command(data, out, tmp_path / "nothing.pth"), "nothing.pth do not exist"),
        (command(data, out, other), "neither of DiMP nor of KYS"),
        (command(tmp_path, out, dimp), "JPEGImages"),
        ([*command(data, out, dimp), "--frames", "0"], "--frames"),
        ([*command(data, out, dimp), "--frames", "9"], "give longer"),
        ([*command(data, out, dimp), "--sequences", "one,two"], "that are held out"),
    ):
        assert main(given) == 2
        assert said in capsys.readouterr().err, said
        assert not (out / "kys.json").exists()
