"""A tracker with the two methods of GOT-10k's toolkit."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from spectrack.errors import InputError
from spectrack.evaluation.clients.got10k import GOT10kTracker
from spectrack.structures import Box, Prediction, Target
from spectrack.tracking.loop import run
from spectrack.tracking.table import make_tracker
from spectrack.video.frames import ArrayFrames
from still_tracker import StillTracker


def test_it_answers_as_the_tracker_does_one_pixel_on(clip):
    box = Target(box=clip.target.box)
    found = run(make_tracker("kcf"), ArrayFrames(clip.frames_thwc), box)
    tracker = GOT10kTracker("kcf", name="mine", first_pixel=1)
    assert (tracker.name, tracker.is_deterministic) == ("mine", True)
    given = np.add(tuple(box.box), [1, 1, 0, 0])
    tracker.init(Image.fromarray(clip.frames_thwc[0]), given)
    last = box.box
    for frame, entry in zip(clip.frames_thwc[1:], list(found)[1:], strict=True):
        last = entry.box if entry.found and entry.box is not None else last
        answer = tracker.update(Image.fromarray(frame))
        assert answer.shape == (4,)
        np.testing.assert_allclose(answer, np.add(tuple(last), [1, 1, 0, 0]), atol=1e-9)


def test_grey_images(clip):
    tracker = GOT10kTracker("kcf")
    grey = Image.fromarray(clip.frames_thwc[0]).convert("L")
    tracker.init(grey, tuple(clip.target.box))
    x, y, w, h = tracker.update(grey)
    assert Box(x, y, w, h).iou(clip.target.box) > 0.9


def test_the_last_box_stands_where_nothing_is_found(still, clip, monkeypatch):
    tracker = GOT10kTracker(still)
    with pytest.raises(InputError, match="init"):
        tracker.update(clip.frames_thwc[0])
    tracker.init(clip.frames_thwc[0], np.array([[11, 21, 30, 20]]))
    monkeypatch.setattr(StillTracker, "_update", lambda *a: Prediction(None, found=False))
    assert tracker.update(clip.frames_thwc[1]).tolist() == [11, 21, 30, 20]


def test_trackers_of_chance_say_so():
    assert not GOT10kTracker("mil").is_deterministic
    with pytest.raises(InputError, match="unknown"):
        GOT10kTracker("nobody")
