"""Who goes on from the fused mask, and who starts again from it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from spectrack.structures import Box
from spectrack.trackers.sftrack.boxes import BoxReader
from spectrack.trackers.sftrack.feedback import RESIZES, Feedback
from spectrack.trackers.sftrack.settings import SFTrackSettings
from spectrack.tracking.explanation import Hypothesis

SIZE = (90, 60)
HERE, THERE = Box(10, 10, 20, 20), Box(60, 30, 20, 20)
FRAME = np.zeros((60, 90, 3), np.uint8)
SOFT = HERE.fill(SIZE).astype(np.float32)


def an_input(name: str, told: list[str], **how: bool) -> SimpleNamespace:
    """An input that notes what it is told: boxes only, unless said otherwise."""
    flags = {"failed": False, "restarts": True, "carries_masks": False, "gives_masks": False} | how
    return SimpleNamespace(
        name=name,
        init=lambda frame, target: told.append(f"{name} starts at {target.box.x:.0f}"),
        correct=lambda frame, soft: told.append(f"{name} goes on"),
        **flags,
    )


def feedback(inputs: list[SimpleNamespace], **settings: object) -> Feedback:
    return Feedback(SFTrackSettings(**settings), inputs, BoxReader("tight", None), HERE, SIZE)


def test_a_box_tracker_starts_again_when_contradicted_three_times_in_a_row():
    told: list[str] = []
    back = feedback([an_input("kcf", told)])
    off, on = [Hypothesis(THERE)], [Hypothesis(HERE)]
    names = [back(FRAME, SOFT, one, False) for one in (off, off, on, off, off, off, off)]
    assert names == [(), (), (), (), (), ("kcf",), ()]
    assert told == ["kcf starts at 10"]


def test_a_target_that_was_lost_takes_all_along_at_once():
    told: list[str] = []
    back = feedback([an_input("kcf", told), an_input("flow", told, carries_masks=True)])
    assert back(FRAME, SOFT, [Hypothesis(HERE), None], True) == ("kcf",)
    assert told == ["kcf starts at 10", "flow goes on"]


@pytest.mark.parametrize("steady", [True, False])
def test_masks_are_carried_on_in_every_frame_where_they_are_to_be_steady(steady):
    told: list[str] = []
    one = an_input("flow", told, carries_masks=True, gives_masks=True)
    back = feedback([one], steady=steady)
    for _ in range(4):
        assert back(FRAME, SOFT, [Hypothesis(HERE)], False) == ()
    assert told == ["flow goes on"] * (4 if steady else 0)


def test_inputs_that_failed_or_never_restart_are_left_alone():
    told: list[str] = []
    back = feedback([an_input("a", told, failed=True), an_input("b", told, restarts=False)])
    assert back(FRAME, SOFT, [None, None], True) == ()
    assert told == []


def test_an_empty_mask_tells_nobody_anything():
    told: list[str] = []
    back = feedback([an_input("kcf", told)])
    assert back(FRAME, np.zeros_like(SOFT), [None], True) == ()
    assert told == []
    assert back.usual == 400


def test_the_usual_size_follows_slowly():
    back = feedback([])
    large = Box(10, 10, 40, 40).fill(SIZE).astype(np.float32)
    back(FRAME, large, [], False)
    assert back.usual == pytest.approx(400 * 4**RESIZES)
