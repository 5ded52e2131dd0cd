"""One tester over the whole table of trackers: what every tracker keeps, whatever it is inside."""

from __future__ import annotations

import gc
import re
import tracemalloc
from dataclasses import fields, is_dataclass

import numpy as np
import pytest
import torch

from fear_golden import random_fear
from random_mask_in_box import write_random_mask_in_box
from random_sftrack import write_random_weights
from small_d3s import LITTLE as LITTLE_D3S
from small_d3s import write_small_d3s
from small_mdnet import LITTLE, write_small_mdnet
from small_pixelwise import write_small_pixelwise
from spectrack import threads
from spectrack.errors import InputError
from spectrack.structures import Box, Prediction, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.table import TRACKERS, make_tracker, settings_of
from spectrack.weights.described import make_network, save_described
from spectrack.weights.files import write_weights
from spectrack.weights.table import WEIGHTS
from thin import SIZE, randomise
from thin_kys import SMALL_KYS, write_thin_kys
from thin_stark import write_thin_stark

WIDTH, HEIGHT = 64, 48
BOX = Box(20, 14, 18, 14)
BACKBONE = {"block": "basic", "depths": (2, 2, 2, 2), "widths": (8, 8, 16, 16), "stem": 8}
NETWORKS = {"rts": {"kind": "rts"}, "lwl": {"kind": "lwl"}, "lwl-box": {"kind": "lwl"}}
SIAMESE = {
    "siamfc": {"kind": "siamfc", "widths": (8, 8, 12, 12, 8)},
    "siamrpn": {"kind": "siamrpn", "widths": (8, 8, 12, 12, 8)},
    "siamrpn++": {"kind": "siamrpn++", "maps": 8, "planes": (4, 4, 8, 8), "stem": 4},
    "siamban": {"kind": "siamban", "maps": 8, "planes": (4, 4, 8, 8), "stem": 4},
    "siammask": {"kind": "siammask", "maps": 8, "planes": (4, 4, 8, 8), "stem": 4},
}
DIMP = ("dimp18", "dimp50", "prdimp18", "prdimp50", "superdimp")
SMALL_DIMP = {"features": 8, "blocks": 1, "iou_maps": 8}
FROM_FILES = {"external"}
FROM_THE_CLOCK = {"mil"}  # OpenCV seeds its random numbers by the time


def picture(t: int, size_wh: tuple[int, int] = (WIDTH, HEIGHT), target: bool = True):
    """A frame with a bright textured target that moves a pixel a frame, and its mask."""
    width, height = size_wh
    rng = np.random.default_rng(5)
    frame = (60 + 40 * rng.random((height, width, 3))).astype(np.uint8)
    mask = np.zeros((height, width), bool)
    if target:
        patch = (120 + 100 * rng.random((14, 18, 1)) * (1, 0.4, 0.2)).astype(np.uint8)
        x, y = min(20 + t, width - 18), min(14, height - 14)
        frame[y : y + 14, x : x + 18] = patch
        mask[y : y + 14, x : x + 18] = True
    return frame, mask


FRAMES = [picture(t)[0] for t in range(8)]
TARGET = Target(box=BOX)
pytestmark = pytest.mark.usefixtures("small_crops")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def needs(tmp_path_factory):
    """Settings without which a tracker cannot be made: files of small random weights, answers."""
    folder = tmp_path_factory.mktemp("needs")
    masks = str(write_random_mask_in_box(folder / "mask_in_box.safetensors"))
    sftrack = str(write_random_weights(folder / "sftrack.safetensors"))
    found = {"sftrack": {"weights": sftrack, "mask_weights": masks}}
    found["sftrack-fast"] = found["sftrack"]
    found["nanomask"] = {"boxes": "kcf", "weights": masks}
    for name, kind in NETWORKS.items():
        described = kind | {"backbone": BACKBONE} | SIZE
        if name == "lwl-box":
            described["box_start"] = True
        path = folder / f"{name}.safetensors"
        save_described(path, randomise(make_network(described)), described, {})
        found[name] = {"weights": str(path), "height": 64, "width": 96, "device": "cpu"}
    for name, described in SIAMESE.items():
        path = folder / f"{name}.safetensors"
        save_described(path, randomise(make_network(described)), described, {})
        found[name] = {"weights": str(path), "device": "cpu"}
    pixelwise = str(write_small_pixelwise(folder / "pixelwise.safetensors"))
    found["pixelwise"] = {"weights": pixelwise, "device": "cpu", "smallest": 8.0}
    nano = randomise(WEIGHTS["nanotrack_v3"].build())
    path = folder / "nanotrack.safetensors"
    write_weights(path, nano.state_dict(), {})
    found["nanotrack"] = {"weights": str(path), "device": "cpu"}
    fear = folder / "fear.safetensors"
    write_weights(fear, random_fear().state_dict(), {})
    found["fear"] = {"weights": str(fear), "device": "cpu"}
    mdnet = str(write_small_mdnet(folder / "mdnet.safetensors"))
    found["mdnet"] = {"weights": mdnet, **LITTLE}
    found["d3s"] = {"weights": str(write_small_d3s(folder / "d3s.safetensors")), **LITTLE_D3S}
    for name, scores in (("stark-s50", False), ("stark-st50", True), ("stark-st101", True)):
        path = write_thin_stark(folder / f"{name}.safetensors", scores)
        found[name] = {"weights": str(path), "device": "cpu"}
    described = {"kind": "atom", "backbone": BACKBONE, "maps": 8}
    path = folder / "atom.safetensors"
    save_described(path, randomise(make_network(described)), described, {})
    found["atom"] = {"weights": str(path), "side": 96, "device": "cpu"}
    for name in DIMP:
        learner = "prdimp" if name.startswith("pr") else "dimp"
        path = folder / f"{learner}.safetensors"
        described = {"kind": "dimp", "backbone": BACKBONE, "learner": learner, **SMALL_DIMP}
        save_described(path, randomise(make_network(described)), described, {})
        found[name] = {"weights": str(path), "side": 96, "memory": 20, "device": "cpu"}
    described = {"kind": "dimp", "backbone": {"kind": "mobilenet_v2", "width": 0.25}, **SMALL_DIMP}
    path = folder / "dimp-small.safetensors"
    save_described(path, randomise(make_network(described)), described, {})
    found["dimp-small"] = {"weights": str(path), "side": 96, "memory": 20, "device": "cpu"}
    kys = write_thin_kys(folder / "kys.safetensors")
    found["kys"] = {"weights": str(kys), **SMALL_KYS}
    boxes = folder / "boxes.txt"
    boxes.write_text("20,14,18,14\n" * 200)
    found["external"] = {"path": str(boxes)}
    return found


@pytest.fixture(params=list(TRACKERS))
def name(request):
    return request.param


@pytest.fixture
def make(name, needs):
    return lambda: make_tracker(name, **needs.get(name, {}))


@pytest.fixture(scope="module")
def made():
    """Trackers that several tests share, by name and use."""
    return {}


@pytest.fixture
def tracker(name, make, made):
    """One that other tests have used before: its ``init`` begins anew, whatever was before."""
    if (name, "used") not in made:
        made[name, "used"] = make()
    return made[name, "used"]


@pytest.fixture
def unused(name, make, made):
    """One that no test has started."""
    if (name, "unused") not in made:
        made[name, "unused"] = make()
    return made[name, "unused"]


def check_answer(answer: Prediction, gives: str, size_wh=(WIDTH, HEIGHT)) -> None:
    """What every answer is, found or not."""
    assert isinstance(answer, Prediction)
    assert 0 <= answer.score <= 1
    if answer.box is not None:
        assert np.isfinite(list(answer.box)).all()
    if answer.found:
        assert answer.box is not None
    if gives == "masks":
        assert answer.mask is not None
        assert answer.mask.shape == size_wh[::-1]
        assert answer.mask.dtype in (np.float32, np.bool_)
        assert np.isfinite(answer.mask).all()
        assert answer.mask.min() >= 0
        assert answer.mask.max() <= 1


def gives_of(name: str) -> str:
    return "boxes" if name in FROM_FILES else TRACKERS[name].gives


def test_it_is_a_tracker_with_frozen_settings(name, unused):
    cls, tracker = TRACKERS[name].load(), unused
    assert issubclass(cls, Tracker)
    assert is_dataclass(cls.Settings)
    assert cls.Settings.__dataclass_params__.frozen
    assert isinstance(tracker.settings, cls.Settings)
    assert tracker.explanation is None
    assert TRACKERS[name].description


def test_it_answers_a_frame_at_a_time(name, tracker):
    answers = [tracker.init(FRAMES[0], TARGET), *map(tracker.update, FRAMES[1:])]
    for answer in answers:
        check_answer(answer, gives_of(name))
    assert answers[0].found
    assert answers[0].score > 0
    if name not in FROM_FILES | {"lwl-box"}:
        assert answers[0].box == BOX


def test_update_before_init_is_told(unused):
    with pytest.raises(InputError, match="call init first"):
        unused.update(FRAMES[0])
    with pytest.raises(InputError, match="call init first"):
        unused.correct(FRAMES[0], np.ones((HEIGHT, WIDTH), np.float32))


def test_frames_that_are_none_are_told(make):
    frame = FRAMES[0]
    wrong = (frame.astype(np.float32), frame[..., 0], frame[..., :2], np.zeros((0, 5, 3), np.uint8))
    tracker = make()
    for none in wrong:
        with pytest.raises(InputError, match="frame"):
            tracker.init(none, TARGET)
        with pytest.raises(InputError, match="call init first"):
            tracker.update(frame)
    tracker.init(frame, TARGET)
    for none in wrong:
        with pytest.raises(InputError, match="frame"):
            tracker.update(none)


def test_a_frame_of_another_size_is_told_and_does_no_harm(tracker):
    tracker.init(FRAMES[0], TARGET)
    with pytest.raises(InputError, match="one size"):
        tracker.update(FRAMES[1][:-1])
    tracker.update(FRAMES[1])


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (Target(box=(5, 5, 0, 4)), "no area"),
        (Target(box=(WIDTH + 1, 5, 4, 4)), "outside"),
        (Target(mask=np.ones((HEIGHT, WIDTH - 1), bool)), "same size"),
    ],
)
def test_targets_that_cannot_be_are_told(tracker, target, told):
    with pytest.raises(InputError, match=told):
        tracker.init(FRAMES[0], target)


def test_an_empty_mask_beside_a_box_is_no_mask(name, tracker):
    answer = tracker.init(FRAMES[0], Target(BOX, np.zeros((HEIGHT, WIDTH), bool)))
    check_answer(answer, gives_of(name))
    if gives_of(name) == "masks" and name not in NETWORKS:
        assert (answer.mask >= 0.5).any()


def test_a_mask_starts_it(name, tracker):
    mask = picture(0)[1]
    answer = tracker.init(FRAMES[0], Target(mask=mask))
    if gives_of(name) == "masks" and name != "lwl-box":
        np.testing.assert_array_equal(answer.hard_mask(), mask)


@pytest.mark.parametrize("size_wh", [(33, 21), (21, 33), (97, 19)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_odd_sizes(name, tracker, size_wh):
    frames = [picture(t, size_wh)[0] for t in range(3)]
    first = tracker.init(frames[0], Target(box=(2, 3, 15, 14)))
    for answer in (first, *map(tracker.update, frames[1:])):
        check_answer(answer, gives_of(name), size_wh)


@pytest.mark.parametrize("box", [(-6, -6, 12, 12), (WIDTH - 3, HEIGHT - 3, 9, 9), (30, 20, 1, 1)])
def test_targets_at_the_rim_and_of_a_pixel(name, tracker, box):
    for answer in (tracker.init(FRAMES[0], Target(box=box)), tracker.update(FRAMES[1])):
        check_answer(answer, gives_of(name))


def test_a_target_that_leaves(name, tracker):
    tracker.init(FRAMES[0], TARGET)
    for frame in (*FRAMES[1:3], *(picture(t, target=False)[0] for t in range(4)), FRAMES[3]):
        check_answer(tracker.update(frame), gives_of(name))


def test_started_again_it_knows_nothing_of_before(name, tracker, make):
    """Which is determinism, too: the same frames give the same bits."""
    if name in FROM_THE_CLOCK:
        pytest.skip("OpenCV draws this tracker's random numbers from the clock")
    fresh = make()
    tracker.init(FRAMES[0], TARGET)
    tracker.update(FRAMES[1])
    sizes = [picture(t, (80, 56))[0] for t in range(3)]
    for one in (tracker, fresh):
        if name not in FROM_FILES:
            one.init(sizes[0], Target(box=BOX))
    again = [tracker.init(FRAMES[0], TARGET), *map(tracker.update, FRAMES[1:4])]
    first = [fresh.init(FRAMES[0], TARGET), *map(fresh.update, FRAMES[1:4])]
    for a, b in zip(again, first, strict=True):
        assert (a.box, a.score, a.found) == (b.box, b.score, b.found)
        if a.mask is not None:
            np.testing.assert_array_equal(a.mask, b.mask)


def test_frames_and_target_stay_as_they_are(tracker):
    frames, mask = [f.copy() for f in FRAMES[:4]], picture(0)[1]
    tracker.init(frames[0], Target(BOX, mask))
    for frame in frames[1:]:
        tracker.update(frame)
    for frame, before in zip(frames, FRAMES, strict=False):
        np.testing.assert_array_equal(frame, before)
    np.testing.assert_array_equal(mask, picture(0)[1])


def test_memory_is_bounded(tracker, monkeypatch):
    """What Python and NumPy hold does not grow from one part of a clip to the next."""
    # On one processor no job of an update is still at work, and holds something, when it has ended.
    monkeypatch.setattr(threads, "processors", lambda: 1)
    tracker.init(FRAMES[0], TARGET)

    def held(rounds: int) -> int:
        for t in range(rounds):
            tracker.update(FRAMES[t % 4])
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    gc.freeze()  # collecting looks only through what comes from here on
    tracemalloc.start()
    try:
        first, second = held(5), held(5)
    finally:
        tracemalloc.stop()
        gc.unfreeze()
    assert second - first < 4 * FRAMES[0].nbytes


@pytest.mark.parametrize("wrong", ["abc", "nan", object()], ids=["word", "NaN", "object"])
def test_numbers_among_its_settings_must_be_numbers(name, needs, wrong):
    entry = TRACKERS[name]
    for field in fields(entry.settings):
        if field.type in ("int", "float") and field.name not in entry.defaults:
            given = needs.get(name, {}) | {field.name: wrong}
            with pytest.raises(InputError, match=f"tracker {re.escape(name)}: {field.name} is"):
                settings_of(name, **given)


def test_what_it_offers_is_declared(tracker):
    tracker.init(FRAMES[0], TARGET)
    tracker.update(FRAMES[1])
    soft = picture(1)[1].astype(np.float32)
    if tracker.carries_masks:
        tracker.correct(FRAMES[1], soft)
    else:
        with pytest.raises(InputError, match="cannot go on from a corrected mask"):
            tracker.correct(FRAMES[1], soft)
    pair = tracker.flow_pair()
    if pair is not None:
        assert pair.forward_hw2.shape == (HEIGHT, WIDTH, 2)
    assert tracker.explains == (tracker.explanation is not None)


def test_it_goes_on_from_a_later_frame(name, tracker):
    """Without a memory of the first frame, as if it had begun there."""
    if tracker.counts_frames:
        return  # it starts in the first frame always
    later = [Target(box=Box(23, 14, 18, 14))]
    if gives_of(name) == "masks":
        later.append(Target(mask=picture(3)[1]))
    for target in later:
        tracker.init(FRAMES[0], TARGET)
        tracker.update(FRAMES[1])
        found = [tracker.restart(FRAMES[3], target), *map(tracker.update, FRAMES[4:6])]
        for answer in found:
            check_answer(answer, gives_of(name))
        if tracker.keeps_first or name in FROM_THE_CLOCK:
            continue
        anew = [tracker.init(FRAMES[3], target), *map(tracker.update, FRAMES[4:6])]
        for one, other in zip(found, anew, strict=True):
            assert (one.box, one.score, one.found) == (other.box, other.score, other.found)
            assert (one.mask is None) == (other.mask is None)
            assert one.mask is None or np.array_equal(one.mask, other.mask)
