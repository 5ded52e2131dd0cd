"""What the worker computes and what the page sees of it, compared with the library."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from spectrack.api import make_tracker, open_frames, segment
from spectrack.app import work
from spectrack.app.desk import Desk
from spectrack.app.edits import AddLayer, AddObject, SetKey
from spectrack.app.exporting import file_name, formats
from spectrack.app.jobs import Export, MakeLayer, Publish, Run, Segment
from spectrack.app.keys import Click, Key
from spectrack.app.session import About, Session
from spectrack.app.views import Views
from spectrack.app.worker import Stopped
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.structures import Box, Mask
from spectrack.tracking.journal import entry_of
from spectrack.tracking.keyframes import KeyframedTrack
from spectrack.tracks import Track, Tracks

SIZE, LENGTH, MIDDLE = (96, 64), 7, 4


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    made = make_clip(LENGTH, SIZE, seed=3)
    np.save(folder / "pond.npy", made.frames_thwc)
    return folder / "pond.npy", made


@pytest.fixture
def session(tmp_path, clip):
    about = About(clip[0], SIZE, LENGTH, 24.0, tuple(f"{i:05d}" for i in range(LENGTH)))
    with Session.create(tmp_path / "s", about) as made:
        yield made


def job(session, spans) -> Run:
    folder = session.folder
    video = session.about.video
    return Run(video, tuple(spans), "flow", folder / "spans", folder / "passes")


def library(clip, keys) -> tuple[Track, Track]:
    with open_frames(str(clip[0])) as frames:
        track = KeyframedTrack(frames, lambda: make_tracker("flow"), keys)
        track.run()
        return track.track(), track.track(raw=True)


def test_the_page_sees_what_the_library_answers_before_and_after_a_correction(
    session, clip, tmp_path
):
    _, made = clip
    session.apply(AddObject(1, "koi"))
    session.apply(SetKey(1, 0, Key("mask", Mask.encode(made.masks_thw[0]))))
    views = Views(session)
    assert views.shown("tracker:flow", 1, 2).state == "none"
    told: list[tuple] = []
    given: list[int] = []

    def tell(what, *values):
        told.append((what, values))
        if what == "answer":
            digest, frame, plain, way = values
            views.live(digest, frame, entry_of(plain, SIZE), way == "done")
            shown = views.shown("tracker:flow", 1, frame)
            assert shown.state == ("key" if frame in {0, *given} else "draft")

    work.run_spans(job(session, views.spans(1)), tell, lambda: None)
    views.changed(views.spans(1)[0].digest("flow"))
    progress = [values for what, values in told if what == "progress"]
    assert progress[-1] == (2 * LENGTH, 2 * LENGTH)  # the tracker's way, and the filter's
    first, first_raw = library(clip, {0: made.masks_thw[0]})
    same(views, first, first_raw, "done")

    session.apply(SetKey(1, MIDDLE, Key("mask", Mask.encode(made.masks_thw[MIDDLE]))))
    views.changed()
    assert views.shown("tracker:flow", 1, MIDDLE).state == "key"
    assert views.shown("tracker:flow", 1, 2).state == "stale"  # and it is still shown
    assert np.array_equal(views.shown("tracker:flow", 1, 2).entry.mask.decode(), first.mask(2))
    stale = [span for span in views.spans(1) if not views.is_done(span, "flow")]
    assert [span.frames.start for span in stale] == [0, MIDDLE]
    told.clear()
    given.append(MIDDLE)
    work.run_spans(job(session, stale), tell, lambda: None)
    views.changed()
    for span in stale:
        views.changed(span.digest("flow"))
    second, second_raw = library(clip, {0: made.masks_thw[0], MIDDLE: made.masks_thw[MIDDLE]})
    same(views, second, second_raw, "done")
    ways = {values[3] for what, values in told if what == "answer"}
    assert ways == {"forward", "backward", "done"}
    publish(session, tmp_path / "out")
    result = Track.load(tmp_path / "out")
    assert np.array_equal(result.masks_thw(), second.masks_thw())
    assert result.info["doubt"] == second.info["doubt"]

    session.undo()
    views.changed()
    same(views, first, first_raw, "done")  # at once: nothing is computed again
    scores, doubts, states = views.curves("tracker:flow", 1)
    assert states == "k" + "d" * (LENGTH - 1)
    assert np.allclose(scores, [e.score for e in first], atol=1e-3)
    assert all(0 <= doubt <= 1 for doubt in doubts)


def same(views, track, raw, state):
    for frame in range(LENGTH):
        shown = views.shown("tracker:flow", 1, frame)
        assert np.array_equal(shown.entry.mask.decode(), track.mask(frame)), frame
        assert shown.state in {state, "key"}
        before = views.shown("raw:flow", 1, frame).entry
        assert np.array_equal(before.mask.decode(), raw.mask(frame)), frame


def publish(session, out):
    views = Views(session)
    spans = tuple(
        (s.frames.start, s.frames.stop, session.span_path(s.digest("flow"))) for s in views.spans(1)
    )
    keys = {1: {f: k.plain() for f, k in session.project.objects[1].keys.items()}}
    about = session.about
    order = Publish(about.size_wh, about.stems, {1: spans}, keys, False, {"tracker": "flow"}, out)
    work.publish(order, lambda *told: None, lambda: None)


def test_work_that_is_stopped_keeps_what_it_came_to(session, clip):
    session.apply(AddObject(1, "koi"))
    session.apply(SetKey(1, 0, Key("box", box=Box(20, 10, 40, 30))))
    spans = Views(session).spans(1)
    answered = []

    def stop():
        if len(answered) == 3:
            raise Stopped

    def tell(what, *values):
        if what == "answer":
            answered.append(values[1])

    with pytest.raises(Stopped):
        work.run_spans(job(session, spans), tell, stop)
    assert answered == [0, 1, 2]
    answered.clear()
    work.run_spans(job(session, spans), tell, lambda: None)
    assert answered[0] >= 2  # not from the start again


def test_a_gone_object_is_nowhere_until_its_next_key(session, tmp_path):
    hard = np.zeros(SIZE[::-1], bool)
    hard[10:30, 20:50] = True
    session.apply(AddObject(1, "koi"))
    session.apply(SetKey(1, 3, Key("mask", Mask.encode(hard))))
    session.apply(SetKey(1, 4, Key("gone")))
    views = Views(session)
    (last,) = [span for span in views.spans(1) if 5 in span]
    work.run_spans(job(session, [last]), lambda *told: None, lambda: None)
    publish(session, tmp_path / "out")
    result = Track.load(tmp_path / "out")
    assert [entry.found for entry in result] == [False] * 3 + [True] + [False] * 3
    assert np.array_equal(result.mask(3), hard)
    assert result.info["complete"] is False  # frames 0 to 2 were not followed


def test_without_objects_there_is_no_result(session, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "track.json").write_text("of before")
    about = session.about
    order = Publish(about.size_wh, about.stems, {}, {}, False, {"tracker": "flow"}, out)
    work.publish(order, lambda *told: None, lambda: None)
    assert not out.exists()


def test_masks_of_other_methods_are_a_layer(session, clip, tmp_path):
    path, made = clip
    np.save(tmp_path / "theirs.npy", made.masks_thw)
    sources = {"theirs": tmp_path / "theirs.npy"}
    folder = session.folder / "layers" / "001"
    work.make_layer(MakeLayer(path, "load", sources, folder), lambda *told: None, lambda: None)
    session.apply(AddLayer("001", "theirs"))
    views = Views(session)
    assert views.object_ids("layer:001") == [1]
    for frame in range(LENGTH):
        entry = views.shown("layer:001", 1, frame).entry
        assert np.array_equal(entry.mask.decode(), made.masks_thw[frame])
    for view in ("layer:002", "layer:../layers/001", "layer", "mask:flow"):
        with pytest.raises(InputError):
            views.shown(view, 1, 0)

    out = tmp_path / file_name("x", "coco")
    work.export(Export(folder, path, "coco", out), lambda *told: None, lambda: None)
    kept = json.loads(out.read_text())
    assert len(kept["annotations"]) == LENGTH
    out = tmp_path / file_name("x", "result")
    work.export(Export(folder, path, "result", out), lambda *told: None, lambda: None)
    with zipfile.ZipFile(out) as archive:
        archive.extractall(tmp_path / "unpacked")
    tracks = Tracks.load(tmp_path / "unpacked")
    assert np.array_equal(tracks.first.masks_thw(), made.masks_thw)
    assert {"coco", "overlay", "result"} <= set(formats())
    with pytest.raises(InputError, match="does not exist"):
        file_name("x", "../x")


def test_clicks_make_the_mask_that_the_library_makes(clip):
    path, made = clip
    ys, xs = np.nonzero(made.masks_thw[0])
    on = Click(float(xs.mean()), float(ys.mean()))
    beside = Click(2.0, 2.0, inside=False)
    before = made.masks_thw[0] & (np.arange(SIZE[0]) < xs.mean())
    order = Segment(path, 0, (on, beside), mask=Mask.encode(before))
    key = Key.from_plain(work.segment(order, lambda *told: None, lambda: None))
    expected = segment(
        made.frames_thwc[0], points=[(on.x, on.y, True), (2.0, 2.0, False)], mask=before
    )
    assert np.array_equal(key.mask.decode(), expected)
    assert key.clicks == (on, beside)
    assert key.mask.decode()[int(on.y), int(on.x)]
    assert not key.mask.decode()[2, 2]


class Quiet:
    """A studio's part that a desk needs."""

    def __init__(self, session):
        self.session, self.views = session, Views(session)
        self.tracker, self.version, self.progress, self.told = "flow", 0, None, []

    def shown(self, *where):
        return self.views.shown(*where)

    def add_object(self):
        self.session.apply(AddObject(1, "Object 1"))
        return 1

    def set_box(self, *told):
        self.told.append(told)

    def paint(self, *told):
        self.told.append(told)


def test_events_become_steps_and_nonsense_is_refused(session):
    desk = Desk(Quiet(session))
    desk.draw_box({"frame": 2, "x": 1, "y": 2.5, "w": 10, "h": 20})
    assert desk.studio.told == [(1, 2, Box(1, 2.5, 10, 20))]
    desk.draw_stroke({"frame": 2, "points": [[1, 2], [3, 4]], "radius": 3, "erase": True})
    assert desk.studio.told[1] == (1, 2, "tracker:flow", [(1.0, 2.0), (3.0, 4.0)], 3.0, True)
    for told in (
        {},
        {"frame": 2, "x": "1", "y": 2, "w": 3, "h": 4},
        {"frame": 2.5, "x": 1, "y": 2, "w": 3, "h": 4},
        {"frame": 2, "x": float("nan"), "y": 2, "w": 3, "h": 4},
        {"frame": True, "x": 1, "y": 2, "w": 3, "h": 4},
    ):
        with pytest.raises(InputError):
            desk.draw_box(told)
    for points in (None, "abc", [[1]], [["a", 2]], 7):
        with pytest.raises(InputError):
            desk.draw_stroke({"frame": 2, "points": points, "radius": 3})


def test_a_desk_compares_two_trackers(session):
    desk = Desk(Quiet(session))
    desk.mode = "side"
    desk.choose_tracker("nanomask")
    assert desk.tracker == "nanomask"
    assert desk.views == ["tracker:nanomask", "tracker:flow"]
    assert desk.view_names()["tracker:flow"] == "flow"
    state = desk.stage_state()
    assert state["nameA"] == "nanomask"
    assert state["length"] == LENGTH
    assert "Frame 0 of 7" in desk.frame_text()
