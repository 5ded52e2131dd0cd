"""`spectrack train sftrack`: from a folder of data to weights the tracker runs on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from spectrack.cli import main
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.trackers.sftrack.train import FADES
from spectrack.trackers.sftrack.weights import load_sftrack
from spectrack.tracking.table import make_tracker
from tiny_training import kill_when_written, little_work, write_image  # noqa: F401

TINY = ["--samples", "24", "--epochs", "1", "--quiet"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stills of four sources and two short sequences in the layout of DAVIS."""
    root = tmp_path_factory.mktemp("data")
    for number, source in enumerate(("ecssd", "duts", "ccp", "feralcat")):
        clip = make_clip(2, size_wh=(120, 90), seed=number)
        for kind in ("images", "masks"):
            (root / "stills" / source / kind).mkdir(parents=True)
        for t in range(2):
            write_image(root / "stills" / source / "images" / f"{t}.png", clip.frames_thwc[t])
            write_image(root / "stills" / source / "masks" / f"{t}.png", clip.masks_thw[t])
    davis = root / "davis2016"
    for number, name in enumerate(("one", "two")):
        clip = make_clip(5, size_wh=(96, 72), seed=10 + number)
        for t in range(5):
            write_image(davis / "JPEGImages" / "240p" / name / f"{t:05d}.jpg", clip.frames_thwc[t])
            write_image(davis / "Annotations" / "240p" / name / f"{t:05d}.png", clip.masks_thw[t])
    (davis / "ImageSets" / "240p").mkdir(parents=True)
    (davis / "ImageSets" / "240p" / "train.txt").write_text("one\ntwo\n")
    return root


def _command(data: Path, out: Path) -> list[str]:
    return ["train", "sftrack", "--data", str(data), "--out", str(out), *TINY]


def test_a_killed_run_goes_on_and_ends_with_the_same_weights(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert main(_command(data, whole)) == 0
    kill_when_written(_command(data, killed), killed / "exact" / "last.safetensors", times=2)
    assert not (killed / "sftrack.safetensors").exists()
    assert main(_command(data, killed)) == 0
    first, second = (load_sftrack(folder / "sftrack.safetensors") for folder in (whole, killed))
    for part in ("feat2seg", "seg2box"):
        states = (getattr(w, part).state_dict() for w in (first, second))
        for (name, a), b in zip(next(states).items(), next(states).values(), strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=name)
    assert first.mixing == second.mixing
    # Weights follow the target's size, and every fault of a camera was learned from.
    assert first.mixing.sizes is not None
    assert all(power != 0 for power in first.mixing.sizes)
    for fault in FADES:
        assert list((whole / f"hypotheses-{fault}").glob("*.npz"))
        assert len(np.load(whole / "samples" / f"{fault}-maps.npy"))
    assert first.about["terms"] == "research use"

    # Finished runs are not repeated, other settings are refused, and the tracker runs on it.
    capsys.readouterr()
    assert main(["--json", *_command(data, whole)]) == 0
    assert json.loads(capsys.readouterr().out)["weights"] == str(whole / "sftrack.safetensors")
    assert main([*_command(data, whole), "--seed", "1"]) == 2
    assert "holds a run with seed 0" in capsys.readouterr().err
    make_tracker("sftrack", weights=str(whole / "sftrack.safetensors"))


def test_mistakes_are_told_before_work_begins(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["train", "sftrack", "--data", str(tmp_path), "--out", str(out)]) == 2
    assert "stills" in capsys.readouterr().err
    assert not out.exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    assert main(["train", "sftrack", "--data", str(data), "--out", str(tmp_path / "full")]) == 2
    assert "other things" in capsys.readouterr().err
    assert main([*_command(data, out), "--epochs", "0"]) == 2
    assert "--epochs" in capsys.readouterr().err
