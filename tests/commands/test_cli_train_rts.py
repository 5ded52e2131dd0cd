"""`spectrack train rts`: from a folder of data to weights that say what network they are of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from spectrack.cli import main
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.trackers.rts.network import RTS
from spectrack.trackers.rts.train_small import NETWORK
from spectrack.weights.files import read_weights
from spectrack.weights.networks import load_network
from tiny_training import kill_when_written, little_work, write_image  # noqa: F401

TINY = ["--small", "--samples", "2", "--epochs", "1", "--quiet"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stills of four sources and four short sequences in the layout of DAVIS."""
    root = tmp_path_factory.mktemp("data")
    for number, source in enumerate(("ecssd", "duts", "ccp", "feralcat")):
        clip = make_clip(1, size_wh=(120, 90), seed=number)
        write_image(root / "stills" / source / "images" / "0.png", clip.frames_thwc[0])
        write_image(root / "stills" / source / "masks" / "0.png", clip.masks_thw[0])
    davis = root / "davis2016"
    for number, name in enumerate(("one", "two", "three", "four")):
        clip = make_clip(9, size_wh=(96, 72), seed=10 + number)
        for t in range(9):
            for size in ("240p", "480p"):
                write_image(
                    davis / "JPEGImages" / size / name / f"{t:05d}.jpg", clip.frames_thwc[t]
                )
                write_image(davis / "Annotations" / size / name / f"{t:05d}.png", clip.masks_thw[t])
    for size in ("240p", "480p"):
        (davis / "ImageSets" / size).mkdir(parents=True)
        (davis / "ImageSets" / size / "train.txt").write_text("one\ntwo\nthree\nfour\n")
    return root


def _command(data: Path, out: Path) -> list[str]:
    return ["train", "rts", "--data", str(data), "--out", str(out), *TINY]


def test_a_killed_run_goes_on_and_ends_with_the_same_weights(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert main(_command(data, whole)) == 0
    kill_when_written(_command(data, killed), killed / "small" / "last.safetensors", times=2)
    assert not (killed / "rts.safetensors").exists()
    assert main(_command(data, killed)) == 0
    file = whole / "rts.safetensors"
    files = (file, killed / "rts.safetensors")
    first, second = (load_network(str(f), RTS).network.state_dict() for f in files)
    for name, tensor in first.items():
        np.testing.assert_array_equal(tensor.numpy(), second[name].numpy(), err_msg=name)
    about = read_weights(file).about
    assert about["network"] == NETWORK
    assert about["terms"] == "research use"
    assert about["samples"]["search"] == 4
    assert [len(about["held_out"][stage]["epochs"]) for stage in ("small", "full")] == [1, 1]
    assert not list(whole.glob("*.npy"))

    # Finished runs are not repeated, and other settings are refused.
    capsys.readouterr()
    assert main(["--json", *_command(data, whole)]) == 0
    assert json.loads(capsys.readouterr().out)["weights"] == str(file)
    assert main([*_command(data, whole), "--seed", "1"]) == 2
    assert "holds a run with seed 0" in capsys.readouterr().err


def test_mistakes_are_told_before_work_begins(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    plain = ["train", "rts", "--data", str(data), "--out", str(out)]
    nowhere = ["train", "rts", "--small", "--data", str(tmp_path), "--out", str(out)]
    torch.save({"decoder.nothing": torch.zeros(2)}, tmp_path / "other.pth")
    for command, said in (
        (nowhere, "JPEGImages"),
        ([*plain, "--small", "--paper"], "--paper was given with --small"),
        ([*plain, "--small", "--epochs", "0"], "--epochs"),
        ([*plain, "--start", "nothing.pth"], "nothing.pth do not exist"),
        ([*plain, "--small", "--sequences", "one,two"], "that are held out"),
    ):
        assert main(command) == 2
        assert said in capsys.readouterr().err, said
        assert not (out / "rts.safetensors").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    full = ["train", "rts", "--small", "--data", str(data), "--out", str(tmp_path / "full")]
    assert main(full) == 2
    assert "other things" in capsys.readouterr().err
