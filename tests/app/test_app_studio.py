"""A studio without its processes: what it asks of them, and what it makes of what they tell."""

from __future__ import annotations

import pytest

from fake_studio import LENGTH, fake_studio, mask_at
from spectrack.app.desk import Desk
from spectrack.app.jobs import MakeLayer, Publish, Run, Segment, Told
from spectrack.app.keys import Click, Key
from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.tracking.journal import plain_entry
from spectrack.tracking.span_answers import SpanAnswers
from spectrack.tracks import Entry


@pytest.fixture
def studio(tmp_path):
    made = fake_studio(tmp_path)
    yield made
    made.close()


def keys(studio):
    return studio.session.project.objects[1].keys


def test_a_run_asks_for_what_is_not_answered_and_shows_what_comes(studio):
    one = studio.add_object()
    with pytest.raises(InputError, match="nothing to follow"):
        studio.run("all", [one], 0, "flow")
    studio.set_box(one, 2, Box(-5, 2, 15, 6))
    assert keys(studio)[2].box == Box(0, 2, 10, 6)  # the part inside the frame
    assert studio.run("forward", [one], 3, "flow") == 1
    (job,) = studio._runner.jobs
    assert isinstance(job, Run)
    assert [(s.frames.start, s.frames.stop) for s in job.spans] == [(2, LENGTH)]
    with pytest.raises(InputError, match="going on"):
        studio.run("all", [one], 0, "flow")

    digest = job.spans[0].digest("flow")
    entry = Entry(Box(1, 2, 4, 4), mask_at(1, 2), 0.5, True)
    before = studio.version
    studio._hear(Told(1, "answer", (digest, 3, plain_entry(entry), "forward")))
    studio._hear(Told(1, "progress", (2, 8)))
    studio._hear(Told(9, "progress", (7, 8)))  # of another job
    assert studio.version > before
    assert (studio.live, studio.progress) == (3, (2, 8))
    shown = studio.shown("tracker:flow", one, 3)
    assert (shown.entry, shown.state) == (entry, "draft")

    answers = SpanAnswers([entry] * 4, [entry] * 4, {"change": [0.0] * 4})
    answers.save(studio.session.span_path(digest))
    studio._hear(Told(1, "span", (digest,)))
    studio._runner.futures[0].set_result(1)
    assert studio.progress is None
    assert studio.shown("tracker:flow", one, 3).state == "done"
    assert isinstance(studio._writer.jobs[0], Publish)
    assert studio.run("forward", [one], 3, "flow") == 0  # nothing is left to do there
    assert studio.run("backward", [one], 1, "flow") == 1
    assert studio._runner.jobs[1].spans[0].frames.after == 2


def test_pages_side_by_side_have_trackers_of_their_own(studio):
    first, second = Desk(studio), Desk(studio)
    first.choose_tracker("nanomask")
    assert (first.tracker, first.views[0]) == ("nanomask", "tracker:nanomask")
    assert (second.tracker, second.views[0]) == ("flow", "tracker:flow")
    assert second.view_names().keys() == {"tracker:flow", "raw:flow"}
    assert Desk(studio).tracker == "nanomask"  # a page that is loaded again, or a new one


def test_work_is_held_goes_on_and_ends(studio):
    one = studio.add_object()
    studio.set_box(one, 0, Box(2, 2, 8, 8))
    studio.run("all", [one], 0, "flow")
    studio.hold()
    assert studio.held
    assert not studio._go.is_set()
    studio.resume()
    assert studio._go.is_set()
    studio.hold()
    studio.stop()
    assert studio._stop.is_set()
    assert studio._go.is_set()  # a worker that is held hears that it is to end
    studio._runner.futures[0].cancel()
    assert studio.progress is None
    assert studio.message == ""
    studio.run("all", [one], 0, "flow")
    assert not studio._stop.is_set()
    studio._runner.futures[1].set_exception(InputError("the video is broken"))
    assert studio.message == "the video is broken"


def test_clicks_that_come_fast_all_count(studio):
    one = studio.add_object()
    clicks = [Click(3, 3), Click(5, 5), Click(20, 2, False)]
    done = [studio.click(one, 1, "tracker:flow", click) for click in clicks[:2]]
    assert [job.clicks for job in studio._clicks.jobs] == [tuple(clicks[:1]), tuple(clicks[:2])]
    for job, future in zip(studio._clicks.jobs, studio._clicks.futures, strict=True):
        assert isinstance(job, Segment)
        future.set_result(Key("mask", mask_at(2, 2), clicks=job.clicks).plain())
    assert all(one.done() for one in done)
    assert keys(studio)[1].clicks == tuple(clicks[:2])
    studio.click(one, 1, "tracker:flow", clicks[2])
    last = studio._clicks.jobs[-1]
    assert (last.clicks, last.mask) == (tuple(clicks), mask_at(2, 2))
    studio._clicks.futures[-1].set_exception(InputError("no"))
    assert studio.message == "no"
    assert keys(studio)[1].clicks == tuple(clicks[:2])  # as it was


def test_strokes_become_keys_and_what_cannot_be_is_refused(studio):
    one = studio.add_object()
    studio.paint(one, 4, "tracker:flow", [(8.0, 8.0)], 3, False)
    painted = keys(studio)[4].mask
    assert painted.decode()[8, 8]
    with pytest.raises(InputError, match="gone instead"):
        studio.paint(one, 4, "tracker:flow", [(0.0, 8.0), (24.0, 8.0)], 20, True)
    assert keys(studio)[4].mask == painted
    with pytest.raises(InputError, match="too small"):
        studio.set_box(one, 0, Box(50, 50, 9, 9))
    with pytest.raises(InputError, match="does not exist"):
        studio.set_gone(one, LENGTH)
    with pytest.raises(InputError, match="no mask"):
        studio.take_mask(one, 0, "tracker:flow")
    studio.undo()
    assert 4 not in keys(studio)


def test_a_stamp_is_another_one_where_the_picture_is(studio):
    one, two = studio.add_object(), studio.add_object()
    view, stamp = "tracker:flow", studio.views.stamp
    nothing = stamp(view, 2)
    studio.paint(one, 2, view, [(5, 5)], 2, False)
    painted = stamp(view, 2)
    assert painted != nothing
    assert stamp(view, 3) == nothing
    studio.set_box(two, 4, Box(2, 2, 6, 6))  # another frame
    assert stamp(view, 2) == painted
    assert stamp(view, 4) != nothing
    studio.set_box(two, 4, Box(2, 3, 6, 6))
    boxed = stamp(view, 4)
    studio.undo()
    assert stamp(view, 4) != boxed
    key = keys(studio)[2]
    studio.take_back(one, 2)
    studio._say(two, 2, key)  # the same mask, of another object: another colour
    assert stamp(view, 2) not in {nothing, painted}
    desk = Desk(studio)
    desk.frame = 4
    assert desk.stage_state()["stamps"] == [stamp(view, 4), stamp("raw:flow", 4)]


def test_a_layer_is_there_when_it_is_made(studio, tmp_path):
    studio.make_layer("load", "theirs", {"theirs": tmp_path})
    (job,) = studio._writer.jobs
    assert isinstance(job, MakeLayer)
    assert job.out.parent == studio.session.folder / "layers"
    assert not studio.session.project.layers
    ready = studio.make_layer("load", "more", {"more": tmp_path})  # before the first is there
    names = [job.out.name for job in studio._writer.jobs]
    assert len(set(names)) == 2
    studio._take_making(Told(2, "progress", (3, 6)))
    assert studio.making == {names[0]: ("theirs", 0, 0), names[1]: ("more", 3, 6)}
    desk = Desk(studio)
    assert desk.making_text() == "more: 3 of 6 frames\ntheirs ..."
    for name, future in zip(names, studio._writer.futures, strict=True):
        future.set_result(name)
    assert ready.result(0) == names[1]
    assert (studio.making, desk.making_text()) == ({}, "")
    assert studio.session.project.layers == dict(zip(names, ("theirs", "more"), strict=True))

    desk.show_layer(names[1])
    state = desk.stage_state()
    assert (state["mode"], state["nameA"], state["nameB"]) == ("slider", "flow", "more")
    studio.undo()
    desk.keep_valid()
    assert desk.stage_state()["nameB"] == "flow"
    studio.redo()
    assert desk.view_names()[f"layer:{names[1]}"] == "more"


def test_a_layer_that_cannot_be_made_is_told(studio, tmp_path):
    ready = studio.make_layer("load", "theirs", {"theirs": tmp_path})
    studio._writer.futures[0].set_exception(InputError("no masks"))
    assert ready.cancelled()
    assert (studio.message, studio.making, studio.session.project.layers) == ("no masks", {}, {})
