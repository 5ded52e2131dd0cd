"""`spectrack train mask-in-box`: from a folder of data to weights that trackers run on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from spectrack.cli import main
from spectrack.datasets.davis import Davis2016
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.datasets.synthetic.stills import SOURCES, Stills
from spectrack.networks.mask_in_box import MaskInBox
from spectrack.networks.mobilenet_v2 import MobileNetV2
from spectrack.structures import Target
from spectrack.trackers.nanomask.train import MaskInBoxPlan, mask_in_box
from spectrack.trackers.nanomask.train_flags import MaskInBoxArguments
from spectrack.trackers.nanomask.train_mask_in_box import mean_jaccard
from spectrack.tracking.table import make_tracker
from spectrack.weights.files import read_weights
from tiny_training import kill_when_written, little_work, write_image  # noqa: F401

TINY = ["--start", "none", "--side", "64", "--epochs", "2", "--steps", "1", "--batch", "2"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stills of four sources and two short sequences in the layout of DAVIS."""
    root = tmp_path_factory.mktemp("data")
    for number, source in enumerate(("ecssd", "duts", "ccp", "feralcat")):
        clip = make_clip(1, size_wh=(120, 90), seed=number)
        write_image(root / "stills" / source / "images" / "0.png", clip.frames_thwc[0])
        write_image(root / "stills" / source / "masks" / "0.png", clip.masks_thw[0])
    davis = root / "davis2016"
    for number, name in enumerate(("one", "two")):
        clip = make_clip(5, size_wh=(96, 72), seed=10 + number)
        for t in range(5):
            write_image(davis / "JPEGImages" / "240p" / name / f"{t:05d}.jpg", clip.frames_thwc[t])
            write_image(davis / "Annotations" / "240p" / name / f"{t:05d}.png", clip.masks_thw[t])
    (davis / "ImageSets" / "240p").mkdir(parents=True)
    (davis / "ImageSets" / "240p" / "train.txt").write_text("one\ntwo\n")
    return root


def _command(data: Path, out: Path, *more: str) -> list[str]:
    plain = ["train", "mask-in-box", "--data", str(data), "--out", str(out), "--quiet"]
    return [*plain, *TINY, *more]


def test_a_killed_run_goes_on_and_ends_with_the_same_weights(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert main(_command(data, whole)) == 0
    kill_when_written(_command(data, killed), killed / "memory" / "last.safetensors")
    file, other = (folder / "mask_in_box.safetensors" for folder in (whole, killed))
    assert not other.exists()
    assert main(_command(data, killed)) == 0
    first, second = read_weights(file), read_weights(other)
    assert set(first.tensors) == set(MaskInBox().state_dict())
    for name, tensor in first.tensors.items():
        assert tensor.dtype == torch.float16
        np.testing.assert_array_equal(tensor, second.tensors[name], err_msg=name)
    assert first.about["terms"] == "research use"
    assert first.about["plan"]["steps"] == 1
    assert first.about["plan"]["side"] == 64
    for stage, ends in (("first", []), ("memory", ["mean"])):
        log = [json.loads(line) for line in (whole / stage / "log.jsonl").read_text().splitlines()]
        scores = {line["kind"]: line["J"] for line in log if "J" in line}
        assert [line["kind"] for line in log if "J" in line] == ["epoch", "epoch", *ends]
        assert all(0 <= score <= 1 for score in scores.values())

    # Finished runs are not repeated, other settings are refused.
    capsys.readouterr()
    assert main(["--json", *_command(data, whole)]) == 0
    assert json.loads(capsys.readouterr().out)["weights"] == str(file)
    assert main(_command(data, whole, "--seed", "1")) == 2
    assert "holds a run with seed 0" in capsys.readouterr().err

    # Trackers run on it.
    clip = make_clip(2, size_wh=(96, 72), seed=3)
    for name, settings in (
        ("nanomask", {"boxes": "kcf", "weights": str(file)}),
        ("sftrack", {"inputs": "kcf", "mask_weights": str(file)}),
    ):
        tracker = make_tracker(name, **settings)
        answer = tracker.init(clip.frames_thwc[0], Target(clip.target.box))
        assert answer.hard_mask().any()
        tracker.update(clip.frames_thwc[1])


def test_it_starts_from_the_backbone_given(data: Path, tmp_path: Path) -> None:
    """With steps of next to no length it ends where it began."""
    torch.manual_seed(0)
    backbone = MobileNetV2(output_stride=32)
    plan = MaskInBoxPlan(side=64, steps=1)
    tiny = {"epochs": 1, "batch_size": 2, "learning_rate": 1e-12}
    plan = replace(plan, first=replace(plan.first, **tiny), memory=replace(plan.memory, **tiny))
    stills = Stills(data / "stills", SOURCES)
    one, two = Davis2016(data / "davis2016", "train", "240p").values()
    file = mask_in_box(
        stills, [one], [two], backbone, tmp_path / "run", plan, about={"terms": "any"}
    )
    found = read_weights(file)
    assert found.about["terms"] == "any"
    for name, tensor in backbone.state_dict().items():
        given = found.tensors[f"backbone.{name}"].float()
        torch.testing.assert_close(given, tensor, rtol=1e-3, atol=1e-6)


def test_flags_become_the_plan() -> None:
    folder = Path("x")
    plain = MaskInBoxArguments(data=folder, out=folder).plan()
    assert (plain.steps, plain.side, plain.first.epochs, plain.memory.epochs) == (50, 256, 50, 50)
    flags = {"epochs": 3, "steps": 7, "batch": 5, "side": 96, "seed": 2}
    asked = MaskInBoxArguments(data=folder, out=folder, **flags).plan()
    assert (asked.steps, asked.side, asked.seed) == (7, 96, 2)
    for one in (asked.first, asked.memory):
        assert (one.epochs, one.batch_size) == (3, 5)
    apart = MaskInBoxArguments(data=folder, out=folder, memory_epochs=9, **flags).plan()
    assert (apart.first, apart.memory) == (asked.first, replace(asked.memory, epochs=9))


def test_the_score_is_the_mean_overlap() -> None:
    """A model that answers with its box."""
    rng = np.random.default_rng(0)
    boxes, truths = (rng.random((23, 32, 32)) < 0.5 for _ in range(2))
    truths[3], boxes[3] = False, False
    shots = {
        "images": torch.zeros(23, 3, 32, 32, dtype=torch.uint8),
        "boxes": torch.from_numpy(boxes.astype(np.uint8) * 255),
        "truths": torch.from_numpy(truths.astype(np.uint8) * 255),
    }
    found = mean_jaccard(lambda image, hints: hints[:, :1] - 0.5, shots)
    each = [(b & t).sum() / max((b | t).sum(), 1) for b, t in zip(boxes, truths, strict=True)]
    assert found == pytest.approx(np.mean(each), rel=1e-5)


def test_mistakes_are_told_before_work_begins(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    for command, said in (
        (_command(tmp_path, out), "stills"),
        (_command(data, out, "--side", "50"), "--side is 50; give a multiple of 32"),
        (_command(data, out, "--steps", "0"), "--steps"),
        (_command(data, out, "--start", "nothing.pth"), "nothing.pth do not exist"),
    ):
        assert main(command) == 2
        assert said in capsys.readouterr().err, said
        assert not out.exists()
