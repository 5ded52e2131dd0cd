"""``spectrack train fusion``: two commands from masks with truth to better masks, and refusals."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest

import spectrack as st
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.fusion.train_folders import folder_videos
from spectrack.fusion.train_scores import fusion_scores
from spectrack.fusion.train_videos import video_columns
from spectrack.fusion.weights import load_mixing
from tiny_training import kill_when_written, little_work  # noqa: F401

SIZE = (96, 64)
NAMES = ("good", "noisy", "wild")


def damaged(mask_hw, name, t):
    """One mask as a method would give it: blocks of it are wrong, each method has its own."""
    rng = np.random.default_rng([NAMES.index(name), t])
    share = {"good": 0.1, "noisy": 0.15, "wild": 0.3}[name]
    return mask_hw ^ np.kron(rng.random((16, 24)) < share, np.ones((4, 4), bool))


def write_masks(folder, masks_thw, resize=None):
    folder.mkdir(parents=True)
    for t, mask_hw in enumerate(masks_thw):
        image = 255 * mask_hw.astype(np.uint8)
        if resize is not None:
            image = cv2.resize(image, resize, interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(folder / f"{t:05d}.png"), image)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """A data set of two annotated sequences, one more to fuse, and three methods for all."""
    root = tmp_path_factory.mktemp("davis")
    for seed, name in enumerate(("carp", "koi", "new")):
        clip = make_clip(8, SIZE, seed=seed)
        write_masks(root / "Annotations" / "480p" / name, clip.masks_thw)
        frames = root / "JPEGImages" / "240p" / name
        frames.mkdir(parents=True)
        for t, frame in enumerate(clip.frames_thwc):
            cv2.imwrite(str(frames / f"{t:05d}.jpg"), frame[..., ::-1])
        for method in NAMES:
            masks = [damaged(mask, method, t) for t, mask in enumerate(clip.masks_thw)]
            write_masks(root / "Results" / method / name, masks)
    lists = root / "ImageSets" / "240p"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("carp\nkoi\n")
    (lists / "val.txt").write_text("new\n")
    return root


@pytest.fixture
def davis(pristine, tmp_path):
    """A copy of the data to spoil."""
    return shutil.copytree(pristine, tmp_path / "davis")


def arguments(root, out, *more):
    given = ["train", "fusion", "--channels", ",".join(NAMES), "--masks", root / "Results"]
    return [str(a) for a in (*given, "--root", root, "--out", out, "--epochs", 3, *more)]


@pytest.fixture
def train(spectrack, davis, tmp_path):
    return lambda *more: spectrack(*arguments(davis, tmp_path / "run", *more))


@pytest.fixture
def refused(train, tmp_path):
    """A run that must be refused; gives back its sentence."""

    def run(*more) -> str:
        before = set(tmp_path.rglob("*"))
        ran = train(*more)
        assert ran.status == 2, ran
        assert ran.out == ""
        assert ran.err.count("\n") == 1, ran.err
        assert set(tmp_path.rglob("*")) == before, "files appeared or went"
        return ran.err

    return run


def test_two_commands_beat_every_method(spectrack, train, davis, tmp_path):
    ran = train("--epochs", 20, "--json")
    assert ran.status == 0, ran
    assert ran.err == ""
    learned = json.loads(ran.out)
    weights = {c["name"]: c["weight"] for c in learned["channels"]}
    assert max(weights, key=weights.get) == "good"
    j = learned["training_J"]
    assert j["mixing"] > max(j["best_single"], j["mean"])
    assert (learned["sequences"], learned["frames"]) == (2, 12)
    assert learned["peak_memory_mib"] > 0

    methods = [davis / "Results" / name / "new" for name in NAMES]
    video, fused = davis / "JPEGImages" / "240p" / "new", tmp_path / "fused"
    ran = spectrack(
        *("fuse", *methods, "--video", video, "--weights", learned["weights"], "--out", fused)
    )
    assert ran.status == 0, ran
    truth = davis / "Annotations" / "480p" / "new"
    scores = {m.parent.name: st.evaluate(m, truth)["J"] for m in methods}
    assert st.evaluate(fused / "masks", truth)["J"] > max(scores.values()), scores


def test_what_it_says_is_what_the_masks_say(train, davis, tmp_path):
    ran = train()
    assert ran.status == 0, ran
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[0] == ["channel", "weight", "J"]
    for line, name in zip(lines[1:4], NAMES, strict=True):
        folders = [davis / "Results" / name / s for s in ("carp", "koi")]
        truths = [davis / "Annotations" / "480p" / s for s in ("carp", "koi")]
        pairs = zip(folders, truths, strict=True)
        expected = np.mean([st.evaluate(f, truth)["J"] for f, truth in pairs])
        assert line[0] == name
        assert float(line[2]) == pytest.approx(100 * expected, abs=0.051)
    assert "J on the training data, before the filter: best single" in ran.out
    assert "12 frames of 2 sequences (DAVIS-2016 train 480p)" in ran.out
    mixing, about = load_mixing(tmp_path / "run" / "weights.safetensors")
    assert mixing.names == NAMES
    assert about["videos"] == ["carp", "koi"]


def test_scores_of_the_mixing_are_those_of_the_stream(train, davis, tmp_path):
    """J from columns beside J of the mixed maps, made frame by frame as ``fuse`` makes them."""
    from spectrack.datasets import open_dataset
    from spectrack.metrics.regions import jaccard_t
    from spectrack.spectral.mixing.mixing import MixStream

    (davis / "Results" / "good" / "koi" / "00003.png").unlink()
    assert train().status == 0
    mixing = load_mixing(tmp_path / "run" / "weights.safetensors")[0]
    dataset = open_dataset("davis2016", davis, split="train", need_frames=False)
    videos = folder_videos(dataset, {name: davis / "Results" / name for name in NAMES})
    found = fusion_scores(mixing, [video_columns(video, mixing.reach) for video in videos])
    expected = []
    for video in videos:
        stream, maps = MixStream(mixing, SIZE), []
        for t in range(video.length):
            maps += stream.push(*video.masks(t))
        maps += stream.flush()
        truth_thw = np.stack([video.truth(t) for t in range(video.length)])
        hard_thw = np.stack([mixed.soft_hw >= 0.5 for mixed in maps])
        expected.append(jaccard_t(hard_thw, truth_thw)[1:-1].mean())
    assert found.mixing == pytest.approx(np.mean(expected), abs=1e-6)
    koi = [video_columns(videos[1], mixing.reach)]
    assert not koi[0][2].present_c[0]


@pytest.mark.parametrize("through", ["colour", "paper"])
def test_through_a_filter(train, tmp_path, monkeypatch, through):
    from spectrack.fusion import train as recipes

    quick = replace(recipes.THROUGH_TRAINING, epochs=1)
    monkeypatch.setitem(recipes.fusion.__kwdefaults__, "second", quick)
    more = ("--pairwise-apart",) if through == "paper" else ()
    ran = train("--through", through, "--frames", "240p", "--no-agreement", *more, "--json")
    assert ran.status == 0, ran
    mixing, about = load_mixing(tmp_path / "run" / "weights.safetensors")
    assert about["through"] == through
    assert mixing.agreement == 0
    assert (mixing.pairwise_weights is not None) == (through == "paper")
    assert json.loads(ran.out)["parameters"] == mixing.parameters == (8 if more else 4)


def test_a_finished_run_is_not_repeated(train, tmp_path):
    first = train("--json")
    file = tmp_path / "run" / "weights.safetensors"
    stamp = file.stat().st_mtime_ns
    again = train()
    assert (again.status, file.stat().st_mtime_ns) == (0, stamp)
    assert "holds this run, finished; it is not repeated" in again.err
    assert json.loads(train("--json").out) == json.loads(first.out)
    other = train("--seed", 1)
    assert other.status == 2
    assert "holds a run with seed 0, not 1" in other.err
    assert other.err.count("\n") == 1
    assert train("--seed", 1, "--overwrite").status == 0
    assert load_mixing(file)[1]["seed"] == 1


def test_a_killed_run_ends_with_the_same_bytes(spectrack, pristine, tmp_path):
    cut, whole = (arguments(pristine, tmp_path / n, "--epochs", 12) for n in ("cut", "whole"))
    kill_when_written(cut, tmp_path / "cut" / "mixing" / "last.safetensors", times=4)
    assert not (tmp_path / "cut" / "weights.safetensors").exists()
    assert spectrack(*cut).status == spectrack(*whole).status == 0
    ends = [(tmp_path / n / "weights.safetensors").read_bytes() for n in ("cut", "whole")]
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--split", "test"), "split 'test' is not in"),
        (("--sequences", "carp,cow"), "sequence 'cow' is not in DAVIS-2016 train; it has carp"),
        (("--channels", "good"), "one channel (good) was given; give two or more"),
        (("--channels", "good,lost"), "lost is not a folder"),
        (("--channels", "good,wild,good"), "two channels are named good"),
        (("--channels", "a=x,a=y"), "two channels are named a"),
        (("--channels", ","), "no masks were given"),
        (("--dataset", "davis16"), "did you mean davis2016?"),
        (("--through", "deep"), "choose from mixing, colour, paper"),
        (("--through", "colour"), "resolution '480p' is not in"),
        (("--pairwise-apart",), "without --through paper"),
        (("--epochs", 0), "--epochs 0"),
        (("--seed", -1), "--seed -1"),
    ],
)
def test_refuses(refused, more, sentence):
    assert sentence in refused(*more)


def test_refuses_other_recipes(spectrack, davis, tmp_path):
    words = arguments(davis, tmp_path / "run")
    ran = spectrack("train", "tracker", *words[2:])
    assert ran.status == 2
    assert "choose from fusion" in ran.err


def test_a_channel_that_lacks_a_sequence_is_named(refused, davis):
    shutil.rmtree(davis / "Results" / "noisy" / "koi")
    said = refused()
    assert "channel noisy:" in said
    assert "lacks 1 of 2 sequences (koi)" in said


def test_sizes_that_differ(refused, davis):
    masks = make_clip(8, SIZE, seed=1).masks_thw
    shutil.rmtree(davis / "Results" / "wild" / "koi")
    write_masks(davis / "Results" / "wild" / "koi", masks, resize=(48, 32))
    assert "48x32 but the frames are 96x64" in refused()


def test_no_truth(refused, davis):
    for file in (davis / "Annotations" / "480p" / "koi").iterdir():
        file.unlink()
    assert "koi holds no .png images" in refused()
    shutil.rmtree(davis / "Annotations" / "480p" / "koi")
    assert "lacks folder koi" in refused()


def test_a_damaged_mask(refused, davis):
    (davis / "Results" / "good" / "koi" / "00004.png").write_bytes(b"\x89PNG")
    assert "00004.png" in refused()


def test_other_things_in_the_folder_stay(train, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "letter.txt").write_text("dear")
    ran = train("--overwrite")
    assert ran.status == 2
    assert "holds other things (letter.txt)" in ran.err
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["letter.txt"]


def test_a_loss_that_is_not_finite(train, tmp_path, monkeypatch):
    from spectrack.fusion import train as recipes

    wild = replace(recipes.MIXING_TRAINING, learning_rate=1e30)
    monkeypatch.setattr(recipes, "MIXING_TRAINING", wild)
    ran = train()
    assert ran.status == 2
    assert "at step " in ran.err
    assert "is kept" in ran.err
    assert (tmp_path / "run" / "mixing" / "last.safetensors").is_file()
    assert not (tmp_path / "run" / "weights.safetensors").exists()
