"""`spectrack train nanotrack`, `fear`: from weights and a folder of data to weights that track."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from fear_golden import random_fear
from spectrack.cli import main
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.trackers.fear.network import FEAR
from spectrack.trackers.nanotrack.network import NanoTrack
from spectrack.weights.files import read_weights, write_weights
from spectrack.weights.networks import load_network
from thin import randomise
from tiny_training import kill_when_written, little_work, write_image  # noqa: F401

NAMES = ("one", "two", "three", "four", "five", "six")
NETWORKS = {"nanotrack": NanoTrack, "fear": FEAR}
TINY = ["--samples", "2", "--epochs", "2", "--quiet"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stills of four sources, six short sequences in the layout of DAVIS, and random weights."""
    root = tmp_path_factory.mktemp("data")
    for number, source in enumerate(("ecssd", "duts", "ccp", "feralcat")):
        clip = make_clip(1, size_wh=(120, 90), seed=number)
        write_image(root / "stills" / source / "images" / "0.png", clip.frames_thwc[0])
        write_image(root / "stills" / source / "masks" / "0.png", clip.masks_thw[0])
    davis = root / "davis2016"
    for number, name in enumerate(NAMES):
        clip = make_clip(3, size_wh=(96, 72), seed=10 + number)
        for t in range(3):
            stem = f"240p/{name}/{t:05d}"
            write_image(davis / "JPEGImages" / f"{stem}.jpg", clip.frames_thwc[t])
            write_image(davis / "Annotations" / f"{stem}.png", clip.masks_thw[t])
    (davis / "ImageSets" / "240p").mkdir(parents=True)
    (davis / "ImageSets" / "240p" / "train.txt").write_text("\n".join(NAMES) + "\n")
    write_weights(root / "nanotrack.safetensors", randomise(NanoTrack("v3")).state_dict(), {})
    write_weights(root / "fear.safetensors", random_fear().state_dict(), {})
    return root


def _command(data: Path, out: Path, name: str, start: str = "") -> list[str]:
    file = data / (start or f"{name}.safetensors")
    given = ["--data", str(data), "--start", str(file), "--out", str(out)]
    return ["train", name, *given, *TINY]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_killed_run_goes_on_and_ends_with_the_same_weights(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert main(_command(data, whole, name)) == 0
    said = capsys.readouterr().out
    assert "held out, box IoU" in said
    assert "six" in said
    assert "mean" in said
    kill_when_written(_command(data, killed, name), killed / "learning" / "last.safetensors")
    assert not (killed / f"{name}.safetensors").exists()
    assert main(_command(data, killed, name)) == 0
    file = whole / f"{name}.safetensors"
    kind = NETWORKS[name]
    loaded = [load_network(str(f), kind).network for f in (file, killed / file.name)]
    assert read_weights(file).about.get("version") == ("v3" if name == "nanotrack" else None)
    first, second = (network.state_dict() for network in loaded)
    start = read_weights(data / f"{name}.safetensors").tensors
    for key, tensor in first.items():
        np.testing.assert_array_equal(tensor.numpy(), second[key].numpy(), err_msg=key)
    assert any(not torch.equal(tensor, start[key]) for key, tensor in first.items())
    about = read_weights(file).about
    assert about["terms"].startswith("research use")
    assert list(about["held_out"]["before"]) == list(about["held_out"]["after"]) == ["six"]
    assert not list(whole.glob("*.npy"))

    # Finished runs are not repeated, and other settings are refused.
    capsys.readouterr()
    assert main(["--json", *_command(data, whole, name)]) == 0
    assert json.loads(capsys.readouterr().out)["weights"] == str(file)
    assert main([*_command(data, whole, name), "--seed", "1"]) == 2
    assert "holds a run with seed 0" in capsys.readouterr().err

    # What was learned tracks, by the same option as published weights.
    frames = data / "davis2016" / "JPEGImages" / "240p" / "six"
    command = ["track", str(frames), "--box", "30,20,20,16", "--tracker", name]
    settings = ["--set", f"weights={file}", "--out", str(tmp_path / "boxes"), "--quiet"]
    assert main([*command, *settings]) == 0


def test_mistakes_are_told_before_work_begins(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    write_weights(data / "other.safetensors", {"decoder.nothing": torch.zeros(2)}, {})
    for command, said in (
        (_command(tmp_path, out, "fear", str(data / "fear.safetensors")), "stills"),
        (_command(data, out, "nanotrack", "nothing.pth"), "nothing.pth do not exist"),
        (_command(data, out, "fear", "other.safetensors"), "other.safetensors"),
        ([*_command(data, out, "nanotrack"), "--epochs", "0"], "--epochs"),
        ([*_command(data, out, "nanotrack"), "--sequences", "seven"], "seven"),
    ):
        assert main(command) == 2
        assert said in capsys.readouterr().err, said
        assert not list(out.glob("*.safetensors"))


@pytest.mark.parametrize("tracker", ["siamfc", "siamrpn", "nanotrack"])
def test_the_family_learns_from_nothing_or_on_a_backbone_and_tracks(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], tracker: str
) -> None:
    out = tmp_path / "run"
    given = ["--data", str(data), "--tracker", tracker, "--small", "--out", str(out), *TINY]
    backbone = ["--backbone-of", str(data / "nanotrack.safetensors")]
    begins = backbone if tracker == "nanotrack" else []
    assert main(["train", "siamese", *given, *begins]) == 0
    assert "held out, box IoU" in capsys.readouterr().out
    file = out / "siamese.safetensors"
    about = read_weights(file).about
    assert about["tracker"] == tracker
    assert about["command"] == f"spectrack train siamese --small --tracker {tracker}"
    if begins:
        start, end = (read_weights(f).tensors for f in (data / "nanotrack.safetensors", file))
        for name, tensor in start.items():
            if not name.startswith("neck.") and tensor.ndim > 1:
                assert torch.equal(end[name], tensor) == name.startswith("backbone."), name
    frames = data / "davis2016" / "JPEGImages" / "240p" / "six"
    command = ["track", str(frames), "--box", "30,20,20,16", "--tracker", tracker]
    settings = ["--set", f"weights={file}", "--out", str(tmp_path / "boxes"), "--quiet"]
    assert main([*command, *settings]) == 0


def test_what_the_family_cannot_do_is_told(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["train", "siamese", "--data", str(data), "--out", str(tmp_path / "run"), *TINY]
    start = str(data / "nanotrack.safetensors")
    for given, said in (
        (["--tracker", "fear"], "cannot learn from nothing"),
        (["--tracker", "siamese"], "--tracker"),
        (["--start", start, "--backbone-of", start], "--start to learn on"),
        (["--tracker", "siamfc", "--backbone-of", start], "give weights of SiamFC"),
    ):
        assert main([*base, *given]) == 2
        assert said in capsys.readouterr().err, said
