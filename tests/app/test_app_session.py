"""Sessions: nothing that was said is lost, whatever happens, and undo leads back exactly."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from spectrack.app.edits import AddLayer, AddObject, RemoveObject, SetKey
from spectrack.app.keys import Click, Key, KeyedSpan, spans_of
from spectrack.app.session import About, Session, read_about
from spectrack.errors import InputError
from spectrack.structures import Box, Mask

SIZE = (8, 6)


def about(video: Path, length: int = 10) -> About:
    return About(video, SIZE, length, 24.0, tuple(f"{i:05d}" for i in range(length)))


def mask(*pixels: tuple[int, int]) -> Mask:
    hard = np.zeros(SIZE[::-1], bool)
    for y, x in pixels:
        hard[y, x] = True
    return Mask.encode(hard)


@pytest.fixture
def session(tmp_path):
    with Session.create(tmp_path / "s", about(tmp_path / "clip.mp4")) as made:
        yield made


STEPS = [
    AddObject(1, "koi"),
    SetKey(1, 0, Key("box", box=Box(1, 2, 3, 4))),
    AddObject(2, "pad"),
    SetKey(2, 5, Key("mask", mask((0, 0), (5, 7)), clicks=(Click(1.5, 2, False),))),
    SetKey(1, 7, Key("gone")),
    AddLayer("001", "theirs"),
    SetKey(1, 0, None),
    RemoveObject(1),
]


def test_every_step_is_found_again_and_can_be_undone(session):
    folder = session.folder
    for step in STEPS:
        session.apply(step)
    states = list(session.history.states)
    session.close()
    with Session(folder) as again:
        assert again.history.states == states
        for state in reversed(states[:-1]):
            again.undo()
            assert again.project == state
        again.undo()  # nothing left: nothing happens
        for state in states[1:5]:
            again.redo()
            assert again.project == state
    with Session(folder) as third:  # what was undone stays undone
        assert third.project == states[4]
        third.redo()
        assert third.project == states[5]
        third.undo()
        third.apply(AddObject(9, "new"))
        assert not third.history.can_redo()


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_line_that_a_crash_cut_off_is_dropped_and_the_next_step_is_kept(session, cut):
    folder = session.folder
    for step in STEPS[:3]:
        session.apply(step)
    session.close()
    edits = folder / "edits.jsonl"
    whole = edits.read_bytes()
    edits.write_bytes(whole[:-cut])
    with Session(folder) as again:
        assert again.project.objects.keys() == {1}
        again.apply(AddObject(3, "third"))
    with Session(folder) as third:
        assert third.project.objects.keys() == {1, 3}


def test_a_step_that_cannot_be_taken_leaves_no_trace(session):
    session.apply(AddObject(1, "koi"))
    before = (session.folder / "edits.jsonl").read_bytes()
    for step in (AddObject(1, "again"), AddObject(256, "many"), SetKey(7, 0, Key("gone"))):
        with pytest.raises(InputError):
            session.apply(step)
    with pytest.raises(InputError, match="no key frame 3"):
        session.apply(SetKey(1, 3, None))
    assert (session.folder / "edits.jsonl").read_bytes() == before


def test_a_session_is_open_once(session):
    def other() -> None:
        with pytest.raises(InputError, match="in use"):
            Session(session.folder)

    with ThreadPoolExecutor(1) as pool:  # another thread is refused as another process is
        pool.submit(other).result()


def test_a_folder_with_other_things_is_no_place_for_a_session(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(InputError, match=r"note\.txt"):
        Session.create(tmp_path, about(tmp_path / "clip.mp4"))
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]


def test_an_uploaded_video_moves_with_its_session(tmp_path):
    (tmp_path / "s" / "video").mkdir(parents=True)
    video = tmp_path / "s" / "video" / "clip.mp4"
    video.write_bytes(b"")
    Session.create(tmp_path / "s", about(video)).close()
    (tmp_path / "s").rename(tmp_path / "t")
    assert read_about(tmp_path / "t").video == tmp_path / "t" / "video" / "clip.mp4"


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"format": "spectrack session 1"}', '{"format": "other"}']
)
def test_what_is_no_session_is_told(tmp_path, text):
    (tmp_path / "session.json").write_text(text)
    with pytest.raises(InputError, match="no session"):
        Session(tmp_path)


def test_lines_that_are_whole_but_none_of_ours_end_the_history(session):
    from spectrack.checked_lines import line

    folder = session.folder
    session.apply(AddObject(1, "koi"))
    session.close()
    with (folder / "edits.jsonl").open("ab") as handle:
        handle.write(line({"edit": "key", "object": 1, "frame": 0, "key": {"kind": "box"}}))
        handle.write(line({"edit": "add", "object": 2, "name": "late"}))
    with Session(folder) as again:
        assert again.project.objects.keys() == {1}


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("mask", {}),
        ("box", {"mask": mask((1, 1))}),
        ("gone", {"box": Box(0, 0, 1, 1)}),
        ("mask", {"mask": mask()}),
        ("other", {}),
    ],
)
def test_a_key_holds_what_its_kind_says(kind, given):
    with pytest.raises(InputError):
        Key(kind, **given)


BOX, GONE = Key("box", box=Box(0, 0, 2, 2)), Key("gone")


@pytest.mark.parametrize(
    "keys",
    [{0: BOX}, {4: BOX}, {9: BOX}, {0: BOX, 9: GONE}, {2: BOX, 3: BOX, 7: GONE}, {5: GONE, 6: BOX}],
)
def test_every_frame_lies_in_one_span_between_its_keys(keys):
    spans = spans_of(1, keys, 10)
    assert [frame for span in spans for frame in range(10) if frame in span] == list(range(10))
    for span in spans:
        assert span.before in {None, keys.get(span.frames.start)}
        assert span.after in {None, keys.get(span.frames.stop)}
        assert span.empty == (span.before is None and span.after is None)
        assert not [f for f in keys if span.frames.start < f < span.frames.stop]


def test_only_spans_beside_a_changed_key_change_their_name():
    def names(keys):
        return {s.frames.start: s.digest("flow") for s in spans_of(1, keys, 10)}

    before = names({0: BOX, 4: BOX, 7: BOX})
    after = names({0: BOX, 4: Key("box", box=Box(1, 0, 2, 2)), 7: BOX})
    assert before[7] == after[7]
    assert before[0] != after[0]
    assert before[4] != after[4]


def test_answers_do_not_depend_on_the_number_of_the_object_or_on_clicks():
    clicked = Key("mask", mask((1, 1)), clicks=(Click(1, 1),))
    (one,) = spans_of(1, {0: clicked}, 10)
    (other,) = spans_of(2, {0: Key("mask", mask((1, 1)))}, 10)
    assert isinstance(one, KeyedSpan)
    assert one.digest("flow") == other.digest("flow")
    assert one.digest("flow") != one.digest("kcf")


def test_the_file_of_steps_is_plain_json(session):
    session.apply(AddObject(1, "koi"))
    (text,) = (session.folder / "edits.jsonl").read_text().splitlines()
    assert json.loads(text[9:]) == {"edit": "add", "object": 1, "name": "koi"}
