"""`spectrack train mdnet`: from a folder of data to weights that track."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from small_mdnet import LITTLE
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.trackers.mdnet.network import MDNet
from spectrack.trackers.mdnet.settings import MDNetSettings
from spectrack.weights.files import read_weights
from spectrack.weights.networks import load_network
from tiny_training import little_work, write_image  # noqa: F401

NAMES = ("one", "two", "three", "four", "five", "six")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six short sequences in the layout of DAVIS."""
    root = tmp_path_factory.mktemp("data")
    davis = root / "davis2016"
    for number, name in enumerate(NAMES):
        clip = make_clip(3, size_wh=(96, 72), seed=10 + number)
        for t in range(3):
            stem = f"240p/{name}/{t:05d}"
            write_image(davis / "JPEGImages" / f"{stem}.jpg", clip.frames_thwc[t])
            write_image(davis / "Annotations" / f"{stem}.png", clip.masks_thw[t])
    (davis / "ImageSets" / "240p").mkdir(parents=True)
    (davis / "ImageSets" / "240p" / "train.txt").write_text("\n".join(NAMES) + "\n")
    return root


def test_it_learns_and_what_it_learned_tracks(data, tmp_path, spectrack, monkeypatch):
    measured = "spectrack.trackers.mdnet.train.MEASURED"
    monkeypatch.setattr(measured, MDNetSettings(**LITTLE))
    run, again = tmp_path / "run", tmp_path / "again"
    command = ["train", "mdnet", "--small", "--data", data, "--epochs", "1", "--quiet"]
    ran = spectrack(*command, "--out", run)
    assert ran.status == 0, ran.err
    assert "learned from 5 videos" in ran.out
    assert "six" in ran.out
    file = run / "mdnet.safetensors"
    network = load_network(str(file), MDNet).network
    assert not len(network.branches)
    assert network.fc4.weight.shape == (64, 9 * 64)
    about = read_weights(file).about
    assert about["terms"] == "research use"
    assert about["start"] == "nothing"
    assert list(about["held_out"]["before"]) == list(about["held_out"]["after"]) == ["six"]

    # a finished run is not repeated; another may start from it
    assert json.loads(spectrack("--json", *command, "--out", run).out)["weights"] == str(file)
    refused = spectrack(*command, "--seed", "1", "--out", run)
    assert refused.status == 2
    assert "holds a run with seed 0" in refused.err
    ran = spectrack(*command, "--start", file, "--out", again)
    assert ran.status == 0, ran.err
    assert read_weights(again / "mdnet.safetensors").about["start"] == str(file)

    frames = data / "davis2016" / "JPEGImages" / "240p" / "six"
    settings = [item for k, v in LITTLE.items() for item in ("--set", f"{k}={v}")]
    ran = spectrack(
        "track", frames, "--box", "30,20,20,16", "--tracker", "mdnet", "--set", f"weights={file}",
        *settings, "--out", tmp_path / "boxes", "--quiet",
    )  # fmt: skip
    assert ran.status == 0, ran.err


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--epochs", "0"], "--epochs"),
        (["--sequences", "seven"], "seven"),
        (["--start", "nothing.pth"], "nothing.pth do not exist"),
    ],
)
def test_mistakes_are_told_before_work_begins(data, tmp_path, spectrack, given, told):
    out = tmp_path / "run"
    ran = spectrack("train", "mdnet", "--small", "--data", data, "--out", out, *given)
    assert ran.status == 2
    assert told in ran.err
    assert not out.exists()
