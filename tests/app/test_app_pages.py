"""Several pages, and several servers one after the other, in a real browser."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import numpy as np
import pytest

from app_server import browser, needs_server, served
from processes import wait_until
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.video.frames import ArrayFrames
from spectrack.video.writer import write_video

needs_server()
SIZE, LENGTH = (160, 96), 4
MIDDLE = """() => {
  const c = document.querySelector('.st-pane canvas');
  const at = [Math.floor(c.width / 2), Math.floor(c.height / 2)];
  return [...c.getContext('2d').getImageData(...at, 1, 1).data].slice(0, 3);
}"""
FOLLOWS = ".app-side .q-select >> nth=0 >> text=/^{}$/"
"""The list under Follow, of which this tracker is chosen."""


def visit(context, address):
    """A page that shows its first frame."""
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(address)
    page.wait_for_function("document.querySelector('.st-root')?.dataset.shown")
    return page


@pytest.fixture
def plain(tmp_path):
    """A red and a green clip, alike in all else."""
    paths = [tmp_path / "red.mp4", tmp_path / "green.mp4"]
    for path, color in zip(paths, ((220, 30, 30), (30, 200, 30)), strict=True):
        write_video(path, ArrayFrames(np.full((LENGTH, 48, 64, 3), color, np.uint8)))
    return paths


def test_the_frames_are_those_of_the_video_that_is_open(plain, tmp_path):
    """Whatever the browser has kept of another that was served under the same address."""
    seen, port = [], 0
    with browser() as chromium:
        context = chromium.new_context(viewport={"width": 1280, "height": 720})
        for video in plain:
            with served([str(video), "--tracker", "flow"], tmp_path, port) as server:
                port = urlsplit(server.address).port
                page = visit(context, server.address)
                assert video.name in page.locator(".name").first.inner_text()
                seen.append(page.evaluate(MIDDLE))
                page.close()
    (red, green), (other_red, other_green) = (color[:2] for color in seen)
    assert red > 150 > green
    assert other_red < 150 < other_green


def test_pages_side_by_side_run_the_tracker_that_each_shows(tmp_path):
    clip = tmp_path / "pond.mp4"
    write_video(clip, ArrayFrames(make_clip(LENGTH, SIZE, seed=3).frames_thwc))
    with browser() as chromium, served([str(clip), "--tracker", "flow"], tmp_path) as server:
        context = chromium.new_context(viewport={"width": 1280, "height": 720})
        one, other = visit(context, server.address), visit(context, server.address)
        one.bring_to_front()  # one that nobody sees draws nothing
        one.get_by_label("Tracker", exact=True).click()
        one.get_by_role("option", name="kcf", exact=True).click()
        one.wait_for_selector(FOLLOWS.format("kcf"))

        other.bring_to_front()
        other.wait_for_selector(FOLLOWS.format("flow"))
        rect = other.locator(".st-draw").bounding_box()
        scale = rect["width"] / SIZE[0]
        other.mouse.move(rect["x"] + 30 * scale, rect["y"] + 20 * scale)
        other.mouse.down()
        other.mouse.move(rect["x"] + 90 * scale, rect["y"] + 60 * scale)
        other.mouse.up()
        other.wait_for_selector("small:has-text('1 key')")
        other.keyboard.press("r")
        result = tmp_path / "spectrack-sessions" / "pond" / "result" / "track.json"
        wait_until(result.exists, "the result", server.process)
        assert json.loads(result.read_text())["objects"]["1"]["tracker"] == "flow"
        other.wait_for_selector(FOLLOWS.format("flow"))

        one.bring_to_front()
        one.get_by_label("Open another video").click()  # and an earlier session, by its name
        one.get_by_role("button", name="pond", exact=False).first.click()
        one.wait_for_selector("small:has-text('1 key')")
