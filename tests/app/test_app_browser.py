"""The page in a real browser, from the first box to a crash, compared with the library."""

from __future__ import annotations

import io
import re
import signal
import sys
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from app_server import AppServer, browser, children_of, gone, halt, needs_server, served
from processes import wait_until
from spectrack.api import make_tracker, open_frames
from spectrack.app.edits import History
from spectrack.app.keys import Key
from spectrack.app.strokes import paint
from spectrack.checked_lines import whole_lines
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.tracking.keyframes import KeyframedTrack
from spectrack.tracks import Track
from spectrack.video.frames import ArrayFrames
from spectrack.video.writer import write_video

needs_server()
SIZE, LENGTH = (160, 96), 8
BOX = (30, 20, 60, 40)
FAR = 5
"""The frame that is corrected."""
TURNS = 7
"""How often each of three tools is taken and used at once."""
PAINTED = """(count) => {
  const c = document.querySelector('.st-pane .mask-b');
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  return d.filter((v, i) => i % 4 == 3 && v > 0).length == count;
}"""
PIXELS = """(name) => {
  const c = document.querySelector('.' + name);
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  const out = [c.width, c.height];
  for (let i = 3; i < d.length; i += 4) out.push(d[i] > 0 ? 1 : 0);
  return out;
}"""


class Visitor:
    """Somebody at the page.

    Args:
        chromium: A browser.
        address: Where to.
    """

    def __init__(self, chromium, address):
        self.page = page = chromium.new_page(viewport={"width": 1280, "height": 720})
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.set_default_timeout(120_000)
        page.goto(address)
        page.wait_for_function("document.querySelector('.st-root')?.dataset.shown")

    def drag(self, *points_xy):
        drag(self.page, *points_xy)

    def press(self, key):
        self.page.keyboard.press(key)

    def start(self):
        """Go to the first frame."""
        self.press("Home")
        self.page.wait_for_selector(".info:has-text('Frame 0 of')")

    def run(self, key):
        self.press(key)
        self.page.wait_for_selector(".q-linear-progress", state="visible")
        self.page.wait_for_selector(".q-linear-progress", state="hidden")

    def keys(self, number):
        """Wait until the object in the list has so many key frames."""
        what = f"{number} key{'' if number == 1 else 's'}"
        self.page.wait_for_selector(f"small:has-text('{what}')")

    def drawn(self, frame):
        """Wait until what is drawn is of this frame and of the newest state."""
        self.page.wait_for_function(
            "(f) => { const s = document.querySelector('.st-root').dataset.shown.split(':');"
            " return s[0] == f && s[1] == document.querySelector('.st-root').dataset.version; }",
            arg=frame,
        )

    def mask(self, frame):
        """The mask that the page shows in a frame, pixel by pixel."""
        self.press("Home")
        self.drawn(0)  # or the frame that was there before would be taken for that asked for
        for _ in range(frame):
            self.press("ArrowRight")
        self.page.wait_for_selector(f".info:has-text('Frame {frame} of')")
        self.drawn(frame)
        return pixels(self.page, "mask-a")

    def shows(self, frame, mask_hw, within_s=60):
        """Whether the page comes to show exactly this mask in a frame."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            if np.array_equal(self.mask(frame), mask_hw):
                return True
        return False


def drag(page, *points_xy):
    """Press the pointer in a point of the video, move it over others, release it."""
    rect = page.locator(".st-draw").bounding_box()
    scale = rect["width"] / SIZE[0]
    places = [(rect["x"] + x * scale, rect["y"] + y * scale) for x, y in points_xy]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place)
    page.mouse.up()


def pixels(page, name):
    """The mask in a canvas, pixel by pixel."""
    width, height, *values = page.evaluate(PIXELS, name)
    return np.array(values, bool).reshape(height, width)


def borders(page):
    """How much the slider cuts off of what is before and behind it, in per cent."""
    cut = page.evaluate(
        "['a', 'b'].map(s => getComputedStyle(document.querySelector('.mask-' + s)).clipPath)"
    )
    return [
        sum(float(part) for part in re.findall(r"([\d.]+)%", path.replace("100% - ", "-")))
        for path in cut
    ]


def library(video, keys) -> Track:
    """What the library answers for key frames."""
    with open_frames(str(video)) as frames:
        track = KeyframedTrack(frames, lambda: make_tracker("flow"), keys)
        track.run()
        return track.track()


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "pond.mp4"
    write_video(path, ArrayFrames(make_clip(LENGTH, SIZE, seed=3).frames_thwc))
    return path


def test_the_page_from_the_first_box_to_a_crash(clip, tmp_path):
    session = tmp_path / "session"
    arguments = [str(clip), "--session", str(session), "--tracker", "flow"]
    x, y, w, h = BOX
    with browser() as chromium:
        server = AppServer(arguments, tmp_path)
        try:
            visitor = Visitor(chromium, server.address)

            visitor.drag((x, y), (x + w, y + h))
            visitor.keys(1)
            visitor.run("r")
            with_box = keys_of(session)[0].box
            assert np.allclose([*with_box], BOX, atol=0.5)
            first = library(clip, {0: with_box})
            for frame in (0, 3, LENGTH - 1):
                assert visitor.shows(frame, first.mask(frame)), frame
            assert first.mask(3).sum() > 50

            before = visitor.mask(FAR)
            visitor.press("p")
            visitor.drag((120, 70), (140, 80))
            visitor.keys(2)
            painted = visitor.mask(FAR)
            assert (painted & ~before).sum() > 20
            assert np.array_equal(painted & before, before)
            key = keys_of(session)[FAR].mask.decode()
            assert np.array_equal(key, painted)
            stroke = paint(np.zeros_like(before), [(120, 70), (140, 80)], 2)
            new, expected = painted & ~before, stroke & ~before
            assert (new & expected).sum() / (new | expected).sum() > 0.6

            visitor.run("n")  # the span after the correction
            visitor.start()
            visitor.run("n")  # and the one before it
            second = library(clip, {0: with_box, FAR: key})
            for frame in (2, FAR, LENGTH - 1):
                assert visitor.shows(frame, second.mask(frame)), frame
            assert not np.array_equal(second.mask(LENGTH - 1), first.mask(LENGTH - 1))

            visitor.press("Control+z")
            visitor.keys(1)
            assert visitor.shows(LENGTH - 1, first.mask(LENGTH - 1))
            visitor.press("Control+Shift+z")
            visitor.keys(2)
            assert visitor.shows(LENGTH - 1, second.mask(LENGTH - 1))

            with visitor.page.expect_download() as download:
                visitor.page.get_by_role("button", name="Export", exact=True).click()
            with zipfile.ZipFile(download.value.path()) as archive:
                data = archive.read(f"masks/{LENGTH - 1:05d}.png")
            shown = np.asarray(Image.open(io.BytesIO(data))) == 1
            assert np.array_equal(shown, second.mask(LENGTH - 1))

            visitor.press("a")  # a second object, in the middle of whose run the server is killed
            visitor.page.wait_for_selector("text=Object 2")
            visitor.start()
            visitor.press("b")
            visitor.drag((5, 5), (40, 40))
            visitor.page.wait_for_function(
                "document.querySelectorAll('.object.on small')[0]?.innerText == '1 key'"
            )
            workers = children_of(server.process.pid) if sys.platform == "linux" else set()
            halt(workers)  # or the run might be over before the kill
            visitor.press("r")
            visitor.page.wait_for_selector(".q-linear-progress", state="visible")
            assert not visitor.errors
        finally:
            server.kill()
        gone(workers)
        with served(["--session", str(session), "--tracker", "flow"], tmp_path) as again:
            visitor = Visitor(chromium, again.address)
            visitor.page.wait_for_selector("text=Object 2")
            visitor.keys(2)
            visitor.page.get_by_text("Object 1").click()
            assert visitor.shows(3, second.mask(3))
            visitor.press("2")
            visitor.run("r")
            third = library(clip, {0: keys_of(session, 2)[0].box})
            assert visitor.shows(4, second.mask(4) | third.mask(4))
            assert not visitor.errors
            assert again.stop() == 130  # as every command that Ctrl-C ends


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="processes cannot be stopped here")
def test_what_is_drawn_is_seen_before_the_server_answers(clip, tmp_path):
    with browser() as chromium, served([str(clip), "--tracker", "flow"], tmp_path) as server:
        visitor = Visitor(chromium, server.address)
        page = visitor.page
        visitor.press("p")
        page.wait_for_selector(".st-tool-paint")
        server.process.send_signal(signal.SIGSTOP)
        try:
            assert not pixels(page, "mask-a").any()
            visitor.drag((40, 30), (80, 50))
            seen = pixels(page, "mask-a")
        finally:
            server.process.send_signal(signal.SIGCONT)
        visitor.keys(1)
        page.wait_for_function("document.querySelector('.st-root').dataset.waiting === '0'")
        truth = visitor.mask(0)
        assert (seen & truth).sum() / (seen | truth).sum() > 0.8
        # what the server refuses is taken back: nothing of the mask would be left
        visitor.press("e")
        page.wait_for_selector(".st-tool-erase")
        for _ in range(12):
            visitor.press("+")
        visitor.drag((40, 30), (80, 50))
        page.wait_for_selector("text=nothing of the mask is left")
        page.wait_for_function("document.querySelector('.st-root').dataset.waiting === '0'")
        assert np.array_equal(pixels(page, "mask-a"), truth)

        fetched: list[str] = []
        page.on("request", lambda one: fetched.append(one.url) if "/overlay/" in one.url else None)
        visitor.press("a")  # the session changes, the picture of this frame does not
        page.wait_for_selector("text=Object 2")
        visitor.drawn(0)
        assert not fetched
        visitor.press("p")
        page.wait_for_selector(".st-tool-paint")
        visitor.drag((100, 70), (120, 80))
        page.wait_for_function("document.querySelector('.st-root').dataset.waiting === '0'")
        visitor.drawn(0)
        assert len(fetched) == 1
        assert (pixels(page, "mask-a") & ~truth).sum() > 20
        assert not visitor.errors


def test_an_upload_and_the_keyboard_alone(clip, tmp_path):
    fake = tmp_path / "fake.mp4"
    fake.write_bytes(b"#EXTM3U\n" * 10)
    np.save(clip.parent / "theirs.npy", make_clip(LENGTH, SIZE, seed=3).masks_thw)
    with (
        browser() as chromium,
        served(["--root", str(clip.parent), "--tracker", "flow"], tmp_path) as server,
    ):
        page = chromium.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(120_000)
        page.goto(server.address)
        page.wait_for_selector(".drop")
        page.set_input_files(".drop input", fake)
        page.wait_for_selector("text=not a video by its content")
        page.set_input_files(".drop input", clip)
        page.wait_for_function("document.querySelector('.st-root')?.dataset.shown")
        session = tmp_path / "spectrack-sessions" / "pond"
        assert (session / "video" / "pond.mp4").read_bytes() == clip.read_bytes()

        press = page.keyboard.press
        press("b")
        for _ in range(4):
            press("Alt+ArrowLeft")  # from the middle, four pixels a press
        press("Enter")
        for _ in range(2):
            press("Alt+Shift+ArrowDown")  # twenty
            press("Alt+Shift+ArrowRight")
        press("Enter")
        page.wait_for_selector("small:has-text('1 key')")
        x, y = SIZE[0] / 2 - 16, SIZE[1] / 2
        assert list(keys_of(session)[0].box) == [x, y, 40, 40]

        press("ArrowRight")
        page.wait_for_selector(".info:has-text('Frame 1 of')")
        press("g")
        page.wait_for_selector("small:has-text('2 keys')")
        assert keys_of(session)[1].kind == "gone"
        press("Delete")
        page.wait_for_selector("small:has-text('1 key')")
        press("Control+z")
        page.wait_for_selector("small:has-text('2 keys')")
        assert keys_of(session)[1].kind == "gone"

        press("h")
        page.wait_for_selector(".q-dialog[aria-modal=true]")
        press("ArrowRight")  # is the dialog's
        press("Escape")
        page.wait_for_selector(".q-dialog[aria-modal=true]", state="detached")
        press("ArrowLeft")  # while it fades: no longer
        page.wait_for_selector(".info:has-text('Frame 0 of')")
        press("ArrowRight")
        page.wait_for_selector(".info:has-text('Frame 1 of')")

        before = len(drawn_in(session))
        rail = page.locator(".app-rail button")
        for turn in range(TURNS):  # no tool is waited for: the one taken last is the one that draws
            press("b") if turn else rail.nth(0).click()
            drag(page, (20, 20), (70, 60))
            press("p") if turn else rail.nth(2).click()
            drag(page, (20, 40), (90, 40))
            press("e") if turn else rail.nth(3).click()
            drag(page, (60, 30), (60, 50))
        wait_until(lambda: len(drawn_in(session)) >= before + 3 * TURNS, "the last step")
        box, line, cut = drawn_in(session)[before:][:3]
        assert (box, 0 < cut < line) == (0, True)
        assert drawn_in(session)[before:] == [box, line, cut] * TURNS

        made = make_clip(LENGTH, SIZE, seed=3).masks_thw
        page.get_by_role("button", name="Load", exact=True).click()
        page.get_by_role("button", name="theirs.npy").click()
        page.wait_for_selector(".st-name-b:has-text('theirs.npy')")  # to the right of the slider
        for _ in range(2):
            press("ArrowRight")
        page.wait_for_selector(".info:has-text('Frame 3 of')")
        page.wait_for_function(PAINTED, arg=int(made[3].sum()))
        assert np.array_equal(pixels(page, "st-pane .mask-b"), made[3])
        assert borders(page) == [50, 50]
        rect = page.locator(".st-draw").bounding_box()
        bar = page.locator(".st-bar").bounding_box()
        page.mouse.move(bar["x"] + bar["width"] / 2, bar["y"] + 20)
        page.mouse.down()
        page.mouse.move(rect["x"] + rect["width"] / 4, bar["y"] + 30)
        page.mouse.up()
        assert np.allclose(borders(page), [75, 25], atol=0.5)  # cut off right and left, per cent
        page.locator(".st-bar").focus()
        press("ArrowRight")
        assert np.allclose(borders(page), [70, 30], atol=0.5)
        page.wait_for_selector(".info:has-text('Frame 3 of')")  # the key was the slider's alone

        page.get_by_role("button", name="Fuse", exact=True).click()
        page.wait_for_selector(".st-name-b:has-text('flow + theirs.npy')")
        press("Control+z")
        page.wait_for_selector(".st-name-b:not(:has-text('+'))")
        press("Control+Shift+z")
        page.get_by_label("Right", exact=True).click()
        page.get_by_role("option", name="flow + theirs.npy").click()
        page.get_by_role("button", name="Side by side").click()
        page.wait_for_function("document.querySelectorAll('.st-pane').length == 2")

        page.get_by_label("Open another video").click()
        page.wait_for_selector("text=Earlier sessions")
        page.get_by_role("button", name="pond.mp4").last.click()  # the same, below the root
        page.wait_for_function("document.querySelector('.name')?.innerText.includes('pond.mp4')")
        page.wait_for_selector(".app-side")
        assert (tmp_path / "spectrack-sessions" / "pond-2" / "session.json").exists()


def drawn_in(session):
    """The area of the mask of every key frame that was drawn, in order; 0 for a box."""
    lines = [content for content, _ in whole_lines((session / "edits.jsonl").read_bytes())]
    keys = [Key.from_plain(line["key"]) for line in lines if line.get("key")]
    return [0 if key.mask is None else key.mask.area for key in keys]


def keys_of(session, object_id=1):
    """The key frames that are on the disk while the server has the session."""
    history = History()
    data = (session / "edits.jsonl").read_bytes()
    history.replay(content for content, _ in whole_lines(data))
    return history.project.objects[object_id].keys
