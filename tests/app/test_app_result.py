"""The result folder of a session: what is written into it, and when."""

from __future__ import annotations

import shutil

import pytest

from fake_studio import LENGTH, FakeLink, fake_studio, mask_at
from spectrack.app import work
from spectrack.app.desk import Desk
from spectrack.app.edits import AddLayer
from spectrack.app.jobs import Publish
from spectrack.app.keys import Key
from spectrack.app.session import Session
from spectrack.app.studio import Studio
from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.tracking.span_answers import SpanAnswers
from spectrack.tracks import Entry, Tracks


@pytest.fixture
def studio(tmp_path):
    made = fake_studio(tmp_path)
    yield made
    made.close()


def answer(studio, object_id, tracker="flow", spans=None):
    """Keep answers of spans of an object, of all where left out, as a run does."""
    entry = Entry(Box(1, 2, 4, 4), mask_at(1, 2), 0.5, True)
    for span in spans or studio.views.spans(object_id):
        parts = {name: [0.0] * len(span) for name in ("change", "weakness", "directions")}
        answers = SpanAnswers([entry] * len(span), [entry] * len(span), parts)
        answers.save(studio.session.span_path(span.digest(tracker)))
        studio.views.changed(span.digest(tracker))


def published(studio):
    """The newest order to write the result, which is then carried out."""
    job, future = studio._writer.jobs[-1], studio._writer.futures[-1]
    assert isinstance(job, Publish)
    assert job.out == studio.session.folder / "result"
    work.publish(job, lambda *told: None, lambda: None)
    future.set_result("result")
    return job


@pytest.fixture
def followed(studio):
    """A studio whose first object was followed with flow; the result is written."""
    one = studio.add_object()
    studio.set_box(one, 0, Box(2, 2, 8, 8))
    studio.run("all", [one], 0, "flow")
    answer(studio, one)
    studio._runner.futures[0].set_result(1)
    assert published(studio).info["tracker"] == "flow"
    return studio


def test_the_result_is_of_the_tracker_that_ran(followed):
    """Whatever was chosen meanwhile, and whether or not it ran to its end."""
    Desk(followed).choose_tracker("nanomask")
    followed.set_box(1, 3, Box(3, 3, 8, 8))
    assert followed.run("all", [1], 0, "flow") == 2
    Desk(followed).choose_tracker("kcf")
    answer(followed, 1)
    followed.stop()
    followed._runner.futures[1].cancel()
    job = published(followed)
    assert (job.info["tracker"], job.keys[1].keys()) == ("flow", {0, 3})
    assert Tracks.load(job.out).first.info["complete"] is True
    before = len(followed._writer.jobs)
    followed.run("all", [1], 0, "rts")  # which comes to nothing
    followed._runner.futures[2].set_exception(InputError("there are no weights"))
    assert followed.message == "there are no weights"
    assert len(followed._writer.jobs) == before
    followed.undo()
    assert published(followed).info["tracker"] == "flow"


def test_the_result_follows_what_is_taken_back(followed):
    folder = followed.session.folder / "result"
    two = followed.add_object()
    followed.set_box(two, 0, Box(10, 2, 8, 8))
    followed.run("all", [two], 0, "flow")
    answer(followed, two)
    followed._runner.futures[1].set_result(1)
    published(followed)
    assert list(Tracks.load(folder)) == [1, 2]
    followed.remove_object(two)
    published(followed)
    assert list(Tracks.load(folder)) == [1]
    followed.undo()
    published(followed)
    assert list(Tracks.load(folder)) == [1, 2]
    followed.redo()
    published(followed)
    assert list(Tracks.load(folder)) == [1]

    followed._say(1, 4, Key("mask", mask_at(9, 9)))
    followed.take_back(1, 4)
    assert published(followed).keys[1].keys() == {0}
    followed.take_back(1, 0)
    published(followed)
    assert list(Tracks.load(folder)) == [1]  # nothing is answered: what there is stays
    followed.undo()
    published(followed)
    assert Tracks.load(folder).first.info["complete"] is True
    followed.remove_object(1)
    published(followed)
    assert not folder.exists()  # there is nothing to show
    with pytest.raises(InputError, match="no object yet"):
        followed.source_of("tracker:flow").result(0)


def held(studio):
    """What the newest result holds: object to the number of frames it was found in."""
    found = Tracks.load(published(studio).out)
    return {i: sum(entry.found for entry in track) for i, track in found.items()}


def test_a_step_to_what_nobody_followed_costs_no_answers(followed):
    """The state before the last step has usually never been followed, or not all of it."""
    folder = followed.session.folder / "result"
    before = Tracks.load(folder).first
    followed.undo()  # its only key
    assert held(followed) == {1: LENGTH}
    after = Tracks.load(folder).first
    assert (after.entries, after.info["keyframes"]) == (before.entries, before.info["keyframes"])
    followed.redo()
    assert held(followed) == {1: LENGTH}

    two = followed.add_object()
    followed.set_box(two, 0, Box(10, 2, 8, 8))
    followed.set_box(two, 3, Box(11, 2, 8, 8))
    followed.undo()  # of two objects one was followed
    assert held(followed) == {1: LENGTH}
    assert list(followed._publication("flow", True, folder, [1, two]).spans) == [1, two]
    followed.redo()
    published(followed)
    followed.run("all", [two], 0, "flow")
    answer(followed, two)
    followed._runner.futures[-1].set_result(1)
    assert held(followed) == {1: LENGTH, two: LENGTH}
    followed.undo()  # the second object has other spans now; the first one stays what it was
    assert held(followed) == {1: LENGTH, two: LENGTH}
    followed.redo()
    published(followed)
    followed.set_box(two, 5, Box(12, 2, 8, 8))
    followed.set_box(two, 4, Box(12, 2, 8, 8))
    followed.undo()  # one of its three spans is answered
    assert held(followed) == {1: LENGTH, two: LENGTH}
    followed.run("all", [two], 0, "flow")
    answer(followed, two, spans=followed._runner.jobs[-1].spans[:1])
    followed.stop()
    followed._runner.futures[-1].cancel()
    assert held(followed) == {1: LENGTH, two: 5}  # a run that was stopped shows what it came to
    followed.undo()
    followed.remove_object(1)
    published(followed)
    assert held(followed) == {two: LENGTH}
    followed.remove_object(two)
    published(followed)
    assert not folder.exists()


def test_a_step_that_changes_no_object_writes_nothing(followed):
    followed.do(AddLayer("001", "theirs"))
    followed.redo()  # there is none
    followed.undo()
    followed.redo()
    assert len(followed._writer.jobs) == 1


@pytest.fixture
def reopened(followed, monkeypatch):
    """Closes the studio, and opens its session anew each time that it is called."""
    monkeypatch.setattr("spectrack.app.studio.Link", FakeLink)
    made = [followed]

    def reopen():
        made[-1].close()
        made.append(Studio(Session(followed.session.folder), lambda call: call(), "nanomask"))
        return made[-1]

    yield reopen
    made[-1].close()


def test_a_step_that_was_not_written_is_written_when_the_session_opens(followed, reopened):
    followed._say(1, 4, Key("mask", mask_at(9, 9)))
    answer(followed, 1)
    followed.undo()
    published(followed)
    again = reopened()
    assert not again._writer.jobs  # the result is as it should be
    again.redo()  # and the page is closed before it is written
    again = reopened()
    assert published(again).keys[1].keys() == {0, 4}
    assert not reopened()._writer.jobs
    again = reopened()
    again._say(1, 2, Key("mask", mask_at(9, 9)))  # followed by nobody: what is finished stays
    again = reopened()
    assert held(again) == {1: LENGTH}
    again.undo()
    again.remove_object(1)
    again = reopened()
    assert published(again).spans == {}
    assert not (again.session.folder / "result").exists()
    again = reopened()
    assert not again._writer.jobs
    again.undo()
    assert published(again).info["tracker"] == "flow"  # though there was no result to tell


def test_sessions_of_before_know_the_tracker_by_the_result(followed, reopened):
    (followed.session.folder / "tracker").unlink()
    again = reopened()
    again.set_gone(1, 3)
    again.undo()
    assert published(again).info["tracker"] == "flow"
    assert again.session.tracker is None
    again.run("all", [1], 0, "flow")
    assert again.session.tracker == "flow"


def test_a_run_that_finds_nothing_to_do_writes_the_result(followed):
    shutil.rmtree(followed.session.folder / "result")
    assert followed.run("all", [1], 0, "flow") == 0
    assert list(Tracks.load(published(followed).out)) == [1]


def test_steps_that_come_fast_write_the_result_once_more(followed):
    followed._say(1, 4, Key("gone"))
    before = len(followed._writer.jobs)
    for _ in range(3):
        followed.undo()
        followed.redo()
    assert len(followed._writer.jobs) == before + 1
    followed.undo()
    assert published(followed).keys[1].keys() == {0}
    assert len(followed._writer.jobs) == before + 2
    assert published(followed).keys[1].keys() == {0}  # as it is in the end
    assert len(followed._writer.jobs) == before + 2


def test_a_session_that_is_opened_again_knows_whose_the_result_is(followed):
    folder = followed.session.folder
    followed.run("all", [1], 0, "kcf")
    answer(followed, 1, "kcf")
    followed.close()
    followed._runner.futures[1].set_exception(InputError("the process died"))
    assert len(followed._writer.jobs) == 1  # one that is closed writes nothing
    again = Studio(Session(folder), lambda call: call(), "nanomask")
    try:
        again._writer = FakeLink()
        again.set_gone(1, 3)
        assert not again._writer.jobs
        again.undo()
        assert published(again).info["tracker"] == "flow"
    finally:
        again.close()
