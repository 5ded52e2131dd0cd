"""The five stages: what each is given, and a run that goes on to the same bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from small_pixelwise import DESCRIBED, small_pixelwise
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.trackers.pixelwise import train as stages
from spectrack.trackers.pixelwise import train_first
from spectrack.trackers.pixelwise.network import Pixelwise
from spectrack.trackers.pixelwise.settings import PixelwiseSettings
from spectrack.trackers.pixelwise.tracker import PixelwiseTracker
from spectrack.trackers.pixelwise.train import pixelwise
from spectrack.trackers.pixelwise.train_first import FirstStages, in_halves, steps_done
from spectrack.trackers.pixelwise.train_flags import PixelwiseArguments
from spectrack.trackers.pixelwise.train_footage import Footage
from spectrack.trackers.pixelwise.train_held_out import fold_of
from spectrack.trackers.pixelwise.train_maps import MapSettings
from spectrack.trackers.pixelwise.train_networks import judge_regions, learn_local
from spectrack.trackers.pixelwise.train_plan import PixelwisePlan, paper_plan, small_plan
from spectrack.trackers.pixelwise.train_regions import LocalSamples, RegionSettings
from spectrack.trackers.pixelwise.train_runs import follow
from spectrack.training.loop.settings import TrainSettings
from spectrack.weights.files import read_weights
from spectrack.weights.networks import load_network
from tiny_training import little_work  # noqa: F401

ONCE = TrainSettings(epochs=1, batch_size=2, learning_rate=1e-3, clip=1.0, device="cpu")
PLAN = PixelwisePlan(
    network=DESCRIBED,
    halves=ONCE,
    local=ONCE,
    local_steps=2,
    judged=2,
    regions=RegionSettings(side=32, frames=2, smallest=16),
    true_maps=ONCE,
    predicted_maps=ONCE,
    global_steps=2,
    dilations=(3, 1),
    maps=MapSettings(side=32, frames=5),
    follow=PixelwiseSettings(device="cpu", smallest=16, presence=0.0),
)
FOLDERS = ["1-local-1", "1-local-2", "2-global-1", "2-global-3", "3-maps", "4-global", "5-local"]


@pytest.fixture(scope="module")
def footage():
    """Three videos of eight frames."""
    found = []
    for seed in (1, 2, 3):
        clip = make_clip(8, size_wh=(96, 64), seed=seed)
        masks = list(clip.masks_thw)
        packed, boxes = [np.packbits(m) for m in masks], [Box.from_mask(m) for m in masks]
        read = clip.frames_thwc.__getitem__
        found.append(Footage(f"v{seed}", (96, 64), read, packed, boxes))
    return found


@pytest.fixture(scope="module")
def whole(footage, tmp_path_factory):
    """A run in one go, and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    return pixelwise(footage, None, folder, PLAN, about={"terms": "none"}), folder


def test_every_stage_leaves_its_work_and_the_file_says_all(whole):
    network, folder = whole
    file = folder / "pixelwise.safetensors"
    assert sorted(p.name for p in folder.iterdir()) == [
        *FOLDERS[:6],
        "5-local",
        "5-regions",
        file.name,
    ]
    about = read_weights(file).about
    assert about["plan"]["maps"]["frames"] == 5
    assert about["plan"]["global_loss"]["first"] == 5
    assert about["terms"] == "none"
    assert set(about["history"]) == {
        "local 1", "local 2", "global 3", "global 1", "global predicted", "local",
    }  # fmt: skip
    assert len(list((folder / "3-maps").glob("v*.npz"))) == 3
    loaded = load_network(str(file), Pixelwise).network.state_dict()
    for name, value in network.state_dict().items():
        assert torch.equal(value, loaded[name]), name


def test_everything_but_the_extractor_has_learned(whole):
    network, folder = whole
    start = FirstStages((), (), None, folder, PLAN, ()).fresh(0).state_dict()
    first = read_weights(folder / "1-local-1" / "last.safetensors").tensors
    once = read_weights(folder / "2-global-1" / "last.safetensors").tensors
    for name, value in network.state_dict().items():
        part, rest = name.split(".", 1)
        before = first[rest] if part == "local_segmentation" else once[rest]
        same = ".extractor." in name
        assert torch.equal(value, start[name]) == same, name
        assert torch.equal(value, before) == same, name


@pytest.mark.parametrize(
    "stopped", ["1: local network, half 2", "3: following, half 2", "5: local"]
)
def test_a_stopped_run_goes_on_to_the_same_bytes(footage, whole, tmp_path, stopped):
    def stage(name, unit):
        def told(done, total):
            if name.startswith(stopped) and done == 1:
                raise KeyboardInterrupt

        return told

    with pytest.raises(KeyboardInterrupt):
        pixelwise(footage, None, tmp_path, PLAN, about={"terms": "none"}, stage=stage)
    again = pixelwise(footage, None, tmp_path, PLAN)
    for name, value in whole[0].state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_trainings_side_by_side_come_to_the_same_bytes(footage, whole, tmp_path):
    told = []

    def stage(name, unit):
        return lambda done, total: told.append((name, done, total))

    again = pixelwise(footage, None, tmp_path, PLAN, stage=stage, jobs=2)
    for name, value in whole[0].state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    for name in FOLDERS[:4]:
        files = [folder / name / "last.safetensors" for folder in (whole[1], tmp_path)]
        assert files[0].read_bytes() == files[1].read_bytes()
    # nothing was left to learn for this process: it hears of finished trainings alone
    first = [(done, total) for name, done, total in told if name.startswith(("1: ", "2: "))]
    assert all(done == total for done, total in first)
    assert steps_done(tmp_path) == 2 * PLAN.local_steps + 2 * PLAN.global_steps


def test_halves_hold_every_video_once(footage):
    first, second = in_halves(footage, 3)
    assert {one.name for one in (*first, *second)} == {"v1", "v2", "v3"}
    assert len(first) + len(second) == 3


def test_another_plan_is_another_run(footage, whole):
    changed = replace(PLAN, regions=replace(PLAN.regions, lag=1))
    with pytest.raises(InputError, match="lag"):
        pixelwise(footage, None, whole[1], changed)


def test_a_half_is_followed_by_the_network_that_has_not_seen_it(footage, monkeypatch, tmp_path):
    """Names in place of work: who learned from what, and who followed what."""
    learned, followed, regions = {}, [], {}

    def local(model, samples, folder, settings, *, held_out=None, **_):
        names = {one.name for one in samples._footage}
        learned.setdefault(id(model), names)
        if held_out is None:
            regions.update(samples._paths)
            assert names == {"v1", "v2", "v3"}
        else:
            assert not names & {one.name for one in held_out._footage}
            assert held_out.settings.noise is False
        return type("Result", (), {"history": []})

    def globally(model, clips, folder, settings, maps, loss, steps, **_):
        asked.append((maps.dilation, [clip.given_thw is not None for clip in clips]))
        return type("Result", (), {"history": []})

    def follow_all(half, network, folder, length, settings, progress=None):
        followed.extend((one.name, learned[id(network.local_segmentation)]) for one in half)
        assert length == 6
        return {one.name: follow(one, tracker, 32, 6) for one in half}

    asked: list = []
    tracker = PixelwiseTracker(PLAN.follow, small_pixelwise())
    for name, fake in (("local", local), ("global", globally)):
        for module in (stages, train_first):
            monkeypatch.setattr(module, f"learn_{name}", fake)
    monkeypatch.setattr(stages, "follow_all", follow_all)
    pixelwise(footage, None, tmp_path, PLAN)
    assert asked == [(3, [False] * 3), (1, [False] * 3), (1, [True] * 3)]
    assert sorted(name for name, _ in followed) == ["v1", "v1", "v2", "v2", "v3", "v3"]
    assert all(name not in names for name, names in followed)
    assert set(regions) == {"v1", "v2", "v3"}


def test_following_keeps_true_maps_where_chunks_begin(footage):
    tracker = PixelwiseTracker(PLAN.follow, small_pixelwise())
    found = follow(footage[0], tracker, 32, 5)
    assert found.starts_n.tolist() == [0, 5]
    assert found.maps_thw.shape == (8, 64, 64)
    for start in (0, 5):
        area = footage[0].mask(start).sum() / (96 * 64)
        assert found.maps_thw[start].mean() / 255 == pytest.approx(area, rel=0.05)
    box = footage[0].boxes[5]
    assert found.regions_t3[5] == pytest.approx([*box.center, max(16, 2 * max(box.w, box.h))])
    assert (found.regions_t3[:, 2] > 0).all()


def test_the_local_network_learns_to_segment_bright_things(tmp_path):
    """A few dozen steps on a target that is bright: far better than it began."""
    masks = [np.zeros((64, 96), bool) for _ in range(10)]
    for t, mask in enumerate(masks):
        mask[16 + t : 36 + t, 20 + 2 * t : 44 + 2 * t] = True
    rng = np.random.default_rng(0)
    frames = [
        np.where(m[..., None], 230, rng.integers(0, 120, (64, 96, 3))).astype(np.uint8)
        for m in masks
    ]
    boxes = [Box.from_mask(m) for m in masks]
    one = Footage("a", (96, 64), frames.__getitem__, [np.packbits(m) for m in masks], boxes)
    settings = RegionSettings(side=32, frames=3, smallest=16, noise=False)
    model = small_pixelwise().local_segmentation
    judged = LocalSamples([one], 4, settings.fixed(), seed=0)
    before = judge_regions(model.eval(), judged)["J"]
    training = replace(ONCE, epochs=2, batch_size=4, learning_rate=1e-2, schedule="none")
    samples = LocalSamples([one], 4 * 20, settings)
    result = learn_local(model, samples, tmp_path, training, held_out=judged)
    after = judge_regions(model.eval(), judged)
    assert after["J"] == pytest.approx(result.best, abs=1e-6)  # the best weights are there
    assert after["J"] > max(0.6, before + 0.2)
    assert 0 < after["J_end"] <= 1


def test_folds_hold_every_video_out_once():
    items = list("abcdefghij")
    parts = [fold_of(items, 3, number, seed=4) for number in range(3)]
    assert sorted(item for _, apart in parts for item in apart) == items
    for learned, apart in parts:
        assert not set(learned) & set(apart)
        assert len(learned) + len(apart) == 10
        assert len(apart) in (3, 4)
    assert parts != [fold_of(items, 3, number, seed=5) for number in range(3)]
    with pytest.raises(InputError, match="11 folds of 10"):
        fold_of(items, 11, 0, 0)


def test_flags_make_the_plan(tmp_path):
    def plan(**flags):
        return PixelwiseArguments(data=tmp_path, out=tmp_path / "run", **flags).plan()

    assert plan() == small_plan()
    changed = plan(epochs=3, steps=7, batch=2, seed=5)
    assert (changed.halves.epochs, changed.predicted_maps.epochs) == (3, 3)
    assert (changed.local_steps, changed.global_steps) == (7, 7)
    assert (changed.local.batch_size, changed.true_maps.batch_size) == (2, 8)
    assert changed.seed == 5
    assert plan(form="paper", start="vgg.pth") == paper_plan()
    for flags, told in (({"form": "big"}, "small or paper"), ({"form": "paper"}, "VGG-16")):
        with pytest.raises(InputError, match=told):
            PixelwiseArguments(data=tmp_path, out=tmp_path, **flags).check()


def test_the_paper_s_numbers_are_in_the_paper_s_plan():
    plan = paper_plan()
    regions = plan.regions
    assert (regions.side, regions.lag, regions.context) == (224, 5, 2)
    assert (regions.smallest, regions.largest, regions.scale, regions.shift) == (56, 672, 0.1, 10)
    assert regions.noise
    assert regions.stills == 0
    assert (plan.global_loss.first, plan.maps.frames) == (5, 32)
    assert plan.local_loss.overlap == 0  # Eq. 2 alone
    assert plan.true_maps.epochs * plan.global_steps == 10_000  # with each dilation
    assert list(plan.dilations) == sorted(plan.dilations, reverse=True)


def test_one_video_cannot_be_halved(footage, tmp_path):
    with pytest.raises(InputError, match="two or more"):
        pixelwise(footage[:1], None, tmp_path, PLAN)
