"""`spectrack train pixelwise`: from a folder of data to weights that track."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.networks.mask_in_box import MaskInBox
from spectrack.trackers.pixelwise.network import Pixelwise
from spectrack.trackers.pixelwise.settings import NETWORKS, PixelwiseSettings
from spectrack.trackers.pixelwise.train_maps import MapSettings
from spectrack.trackers.pixelwise.train_plan import PixelwisePlan, small_plan
from spectrack.weights.files import read_weights
from spectrack.weights.networks import load_network
from tiny_training import little_work, write_image  # noqa: F401

NAMES = ("one", "two", "three")
SMALLER = NETWORKS["small"] | {
    "side": 32,
    "maps": 8,
    "memory": 6,
    "decoder": [8, 6, 4],
    "map_side": 32,
    "convolutions": [2, 4, 4, 8],
    "attention": 4,
    "full": 16,
}


def little_plan(seed: int = 0) -> PixelwisePlan:
    """The small form's plan with much less of everything."""
    plan = small_plan(seed)
    once = {"epochs": 1, "batch_size": 2, "workers": 0, "amp": "none", "device": "cpu"}
    return replace(
        plan,
        network=SMALLER,
        halves=replace(plan.halves, **once),
        local=replace(plan.local, **once),
        true_maps=replace(plan.true_maps, **once),
        predicted_maps=replace(plan.predicted_maps, **once),
        local_steps=1,
        global_steps=1,
        judged=1,
        dilations=(1,),
        regions=replace(plan.regions, side=32, frames=2, stills=0.5),
        maps=MapSettings(side=32, frames=5),
        follow=PixelwiseSettings(smallest=16),
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three short sequences in the layout of DAVIS, and stills."""
    root = tmp_path_factory.mktemp("data")
    davis = root / "davis2016"
    for number, name in enumerate(NAMES):
        clip = make_clip(5, size_wh=(96, 72), seed=10 + number)
        for t in range(5):
            stem = f"240p/{name}/{t:05d}"
            write_image(davis / "JPEGImages" / f"{stem}.jpg", clip.frames_thwc[t])
            write_image(davis / "Annotations" / f"{stem}.png", clip.masks_thw[t])
        for source in ("ecssd", "duts", "ccp", "feralcat"):
            folder = root / "stills" / source
            write_image(folder / "images" / f"{name}.jpg", clip.frames_thwc[0])
            write_image(folder / "masks" / f"{name}.png", clip.masks_thw[0])
    (davis / "ImageSets" / "240p").mkdir(parents=True)
    (davis / "ImageSets" / "240p" / "train.txt").write_text("\n".join(NAMES) + "\n")
    return root


@pytest.fixture(autouse=True)
def little(monkeypatch):
    monkeypatch.setattr("spectrack.trackers.pixelwise.train_plan.small_plan", little_plan)


def test_it_learns_and_what_it_learned_tracks(data, tmp_path, spectrack):
    run = tmp_path / "run"
    command = ["train", "pixelwise", "--data", data, "--out", run, "--quiet"]
    ran = spectrack(*command)
    assert ran.status == 0, ran.err
    assert "learned from 3 videos" in ran.out
    file = run / "pixelwise.safetensors"
    about = read_weights(file).about
    assert about["start"] == "mask_in_box"
    assert about["terms"] == "research use"
    assert about["plan"]["regions"]["frames"] == 2
    network = load_network(str(file), Pixelwise).network
    shipped = load_network("mask_in_box", MaskInBox).network
    own = network.local_segmentation.extractor.stem.weight
    assert own.equal(shipped.backbone.stem.weight)

    # a finished run is not repeated, and another is not mixed with it
    assert json.loads(spectrack("--json", *command).out)["weights"] == str(file)
    refused = spectrack(*command, "--seed", "1")
    assert refused.status == 2
    assert "holds a run with seed 0" in refused.err

    frames = data / "davis2016" / "JPEGImages" / "240p" / "two"
    mask = data / "davis2016" / "Annotations" / "240p" / "two" / "00000.png"
    ran = spectrack(
        "track", frames, "--mask", mask, "--tracker", "pixelwise", "--set", f"weights={file}",
        "--out", tmp_path / "out", "--quiet",
    )  # fmt: skip
    assert ran.status == 0, ran.err
    assert len(list((tmp_path / "out" / "masks").iterdir())) == 5


def test_videos_with_masks_of_their_own_can_be_added(data, tmp_path, spectrack, monkeypatch):
    davis, more = data / "davis2016", tmp_path / "more"
    for kind, folder in (("frames", "JPEGImages"), ("masks", "Annotations")):
        (more / kind).mkdir(parents=True)
        (more / kind / "other").symlink_to(davis / folder / "240p" / "three")
    given = []
    learn = "spectrack.trackers.pixelwise.train_flags.PixelwiseArguments._fold"
    monkeypatch.setattr(learn, lambda self, videos, *_: given.extend(videos) or {})
    command = ["train", "pixelwise", "--data", data, "--sequences", "one"]
    assert spectrack(*command, "--more", more, "--out", tmp_path / "run").status == 0
    assert [video.name for video in given] == ["one", "other"]
    assert given[1].truth_mask(2).shape == given[1].frames()[2].shape[:2]
    ran = spectrack(*command, "--more", tmp_path / "none", "--out", tmp_path / "another")
    assert ran.status == 2
    assert "frames/NAME and masks/NAME" in ran.err


def test_folds_follow_every_sequence_once(data, tmp_path, spectrack):
    run = tmp_path / "run"
    ran = spectrack(
        "--json", "train", "pixelwise", "--data", data, "--out", run, "--folds", "3",
    )  # fmt: skip
    assert ran.status == 0, ran.err
    summary = json.loads(ran.out)
    assert sorted(summary["held_out"]) == sorted(NAMES)
    first = read_weights(run / "fold-1" / "pixelwise.safetensors")
    assert read_weights(run / "pixelwise.safetensors").about == first.about
    apart = [
        read_weights(run / f"fold-{n}" / "pixelwise.safetensors").about["held_out"]
        for n in (1, 2, 3)
    ]
    assert sorted(name for names in apart for name in names) == sorted(NAMES)
