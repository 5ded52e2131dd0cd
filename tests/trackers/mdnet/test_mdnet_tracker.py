"""MDNet whole: what it remembers and when it learns, and published checkpoints' form."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from siamese_scheme import fill
from small_mdnet import LITTLE, small_mdnet
from spectrack.errors import InputError
from spectrack.structures import Box, Target
from spectrack.trackers.mdnet import tracker as module
from spectrack.trackers.mdnet.network import MDNet
from spectrack.trackers.mdnet.samplers import CANDIDATES
from spectrack.trackers.mdnet.settings import MDNetSettings
from spectrack.trackers.mdnet.tracker import MDNetTracker
from spectrack.weights.networks import load_network
from thin import randomise

SETTINGS = MDNetSettings(**LITTLE)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def noise(seed: int = 0, size_wh: tuple[int, int] = (96, 72)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)


def test_it_follows_by_what_it_learned_in_the_first_frame():
    """Random convolutions do for a sign that is unlike all else; a regressor makes boxes tight."""
    settings = replace(
        SETTINGS,
        candidates=96,
        first_positives=60,
        first_negatives=200,
        first_steps=60,
        first_rate=1e-3,
        regressed=60,
    )
    network = randomise(MDNet(0, (8, 8, 16), 64))
    tracker = MDNetTracker(settings, network)
    for t in range(6):
        frame = (60 + 40 * np.random.default_rng(5).random((80, 128, 3))).astype(np.uint8)
        x, y = 40 + 4 * t, 28 + 2 * t
        frame[y : y + 20, x : x + 26] = (200, 60, 30)
        frame[y + 6 : y + 14, x + 8 : x + 18] = (30, 60, 220)
        true = Box(x, y, 26, 20)
        if t == 0:
            tracker.init(frame, Target(true))
            continue
        found = tracker.update(frame)
        assert found.box.iou(true) > 0.7
        assert found.score > 0.5


class Watched:
    """A tracker whose candidates score what it is told, and that notes when it learns."""

    def __init__(self, monkeypatch, **settings):
        self.learned: list[tuple[int, int]] = []
        self.tracker = MDNetTracker(replace(SETTINGS, **settings), small_mdnet())
        self.tracker.init(noise(), Target(Box(30, 25, 24, 20)))
        self.first = len(self.tracker._positives.last())
        monkeypatch.setattr(self.tracker._updates, "learn", self._note)

    def _note(self, positives, negatives, steps):
        assert steps == self.tracker.settings.steps
        self.learned.append((len(positives), len(negatives)))

    def update(self, score: float):
        def scored(features):
            return torch.full((len(features),), score)

        self.tracker._classifier.target_scores = scored
        return self.tracker.update(noise(1))


def test_when_it_learns_and_from_what(monkeypatch):
    watched = Watched(monkeypatch, every=3, long=4, short=2)
    first, on, off = watched.first, SETTINGS.positives, SETTINGS.negatives
    for _ in range(2):
        watched.update(2.0)
    assert watched.learned == []
    watched.update(2.0)  # the third: from all four frames, and negatives of the last two
    assert watched.learned == [(first + 3 * on, 2 * off)]
    watched.update(-1.0)  # lost: from the last two frames; nothing is remembered
    assert watched.learned[1:] == [(2 * on, 2 * off)]
    watched.update(2.0)
    watched.update(2.0)  # the first frame has left
    assert watched.learned[2:] == [(4 * on, 2 * off)]


def test_the_search_grows_while_the_target_is_lost(monkeypatch):
    watched = Watched(monkeypatch)
    shifts = [watched.update(-0.5) and watched.tracker._shift for _ in range(12)]
    assert shifts[0] == pytest.approx(0.66)
    assert shifts[1] == pytest.approx(0.726)
    assert shifts[-1] == 1.5
    watched.update(0.1)
    assert watched.tracker._shift == CANDIDATES.shift


def test_scores_and_the_box_that_is_told(monkeypatch):
    watched = Watched(monkeypatch)
    told = watched.update(-3.0)
    assert told.score == pytest.approx(1 / (1 + np.exp(3)))
    assert told.box == watched.tracker._box
    assert watched.update(3.0).score == pytest.approx(1 / (1 + np.exp(-3)))

    class Regressor:
        def __call__(self, features, boxes, size_wh):
            assert len(features) == len(boxes) == 5
            assert size_wh == (96, 72)
            return boxes + np.array([1, 2, 3, 4])

    watched.tracker._regressor = Regressor()
    told, own = watched.update(3.0).box, watched.tracker._box
    np.testing.assert_allclose(np.subtract(list(told), list(own)), [1, 2, 3, 4], atol=1e-5)
    assert watched.update(-3.0).box == watched.tracker._box  # lost: not made better


def test_the_answer_is_the_mean_of_the_best_five(monkeypatch):
    tracker = MDNetTracker(replace(SETTINGS, regressed=0), small_mdnet())
    tracker.init(noise(), Target(Box(30, 25, 24, 20)))
    seen = {}
    features = tracker._features
    monkeypatch.setattr(
        tracker,
        "_features",
        lambda p, *g: seen.setdefault("boxes", g[0]) is None or features(p, *g),
    )
    scores = torch.linspace(-1, 1, SETTINGS.candidates)
    monkeypatch.setattr(tracker._classifier, "target_scores", lambda f: scores)
    told = tracker.update(noise(1))
    np.testing.assert_allclose(list(told.box), seen["boxes"][-5:].mean(0), rtol=1e-5)
    assert told.score == pytest.approx(float(scores[-5:].mean().sigmoid()))


def test_the_seed_decides():
    network = small_mdnet()

    def run(seed: int) -> list[float]:
        tracker = MDNetTracker(replace(SETTINGS, seed=seed), network)
        tracker.init(noise(), Target(Box(30, 25, 24, 20)))
        return [v for n in range(3) for v in tracker.update(noise(n)).box]

    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    assert run(1) == run(1)
    assert run(1) != run(2)
    # and nobody else's numbers are used up
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002


def test_the_network_given_stays_as_it_is():
    network = small_mdnet().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    tracker = MDNetTracker(SETTINGS, network)
    tracker.init(noise(), Target(Box(30, 25, 24, 20)))
    tracker.update(noise())
    assert network.training
    assert all(p.requires_grad for p in network.parameters())
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


def test_it_looks_about_a_corrected_mask():
    tracker = MDNetTracker(SETTINGS, small_mdnet())
    tracker.init(noise(), Target(Box(30, 25, 24, 20)))
    soft = np.zeros((72, 96), np.float32)
    soft[10:30, 50:80] = 0.9
    tracker.correct(noise(), soft)
    assert tracker._box == Box(50, 10, 30, 20)
    tracker.correct(noise(), np.zeros_like(soft))
    assert tracker._box == Box(50, 10, 30, 20)


def test_a_target_that_fills_the_frame_has_no_background():
    tracker = MDNetTracker(SETTINGS, small_mdnet())
    small = noise(size_wh=(24, 22))
    tracker.init(small, Target(Box(-40, -40, 200, 200)))
    assert tracker.update(small).box is not None


@pytest.mark.parametrize(
    "wrong", [{"candidates": 0}, {"every": 0}, {"steps": -1}, {"rate": 0.0}, {"first_rate": 1.0}]
)
def test_settings_that_cannot_be_are_told(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        MDNetSettings(**wrong)


def test_published_values():
    """Of the published program, as the specification has them."""
    s = MDNetSettings()
    assert (s.first_positives, s.first_negatives, s.first_steps, s.first_rate) == (
        500,
        5000,
        50,
        5e-4,
    )
    assert (s.candidates, s.positives, s.negatives, s.steps, s.rate) == (256, 50, 200, 15, 1e-3)
    assert (s.every, s.long, s.short, s.regressed) == (10, 100, 30, 1000)
    assert (module.BEST, module.WIDER, module.WIDEST) == (5, 1.1, 1.5)


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    """Generated shared layers under the names that published files have."""
    state = fill(MDNet()).state_dict()
    return {name.removeprefix("layers."): value for name, value in state.items()}


def test_a_checkpoint_in_the_published_form(
    spectrack, published, davis_root, tmp_path, monkeypatch
):
    """Shared layers only: converted, pulled, loaded strictly, and it tracks a real sequence."""
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path / "cache"))
    file, made = tmp_path / "mdnet_of_others.pth", tmp_path / "mdnet.safetensors"
    torch.save({"shared_layers": published}, file)
    assert spectrack("weights", "convert", file, "--out", made).status == 0
    for weights in (file, made):
        state = load_network(str(weights), MDNet).network.state_dict()
        assert set(state) == {f"layers.{name}" for name in published}
        for name, value in published.items():
            torch.testing.assert_close(state[f"layers.{name}"], value, rtol=0, atol=0)

    frames = sorted((davis_root / "JPEGImages" / "240p" / "train").glob("*.jpg"))[:3]
    if not frames:
        pytest.skip(f"sequence train not found below {davis_root}")
    few = tmp_path / "frames"
    few.mkdir()
    for path in frames:
        cv2.imwrite(str(few / path.name), cv2.imread(str(path)))
    assert spectrack("weights", "pull", "mdnet", "--from", file).status == 0
    settings = [item for k, v in LITTLE.items() for item in ("--set", f"{k}={v}")]
    ran = spectrack(
        "track", few, "--box", "150,90,60,50", "--tracker", "mdnet", *settings,
        "--out", tmp_path / "out", "--quiet",
    )  # fmt: skip
    assert ran.status == 0, ran.err
    assert (tmp_path / "out" / "boxes.csv").is_file()


def test_a_checkpoint_of_something_else_is_told(published, tmp_path):
    file = tmp_path / "short.pth"
    torch.save({"shared_layers": {k: v for k, v in published.items() if k != "fc5.1.bias"}}, file)
    with pytest.raises(InputError, match=r"1 missing \(layers.fc5.1.bias\)"):
        load_network(str(file), MDNet)
