"""Make the pictures of the page in `pictures/` from a made-up clip, in a browser without a window.

python docs/make_app_pictures.py [--tracker flow]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "helpers"))

from app_server import browser, served  # noqa: E402  it lies beside the tests
from spectrack.datasets.synthetic.scene import make_clip  # noqa: E402
from spectrack.video.frames import ArrayFrames  # noqa: E402
from spectrack.video.writer import write_video  # noqa: E402

SIZE, LENGTH, SEED, LOOK = (640, 360), 30, 6, 14
QUALITY = 82


def main() -> None:
    """Write both pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracker", default="flow")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    clip = make_clip(LENGTH, SIZE, seed=options.seed)
    x, y, w, h = clip.target.box
    with tempfile.TemporaryDirectory() as name, browser() as chromium:
        folder = Path(name)
        write_video(folder / "pond.mp4", ArrayFrames(clip.frames_thwc))
        with served(["pond.mp4", "--tracker", options.tracker], folder) as server:
            page = chromium.new_page(viewport={"width": 1280, "height": 720})
            page.set_default_timeout(600_000)
            page.goto(server.address)
            page.wait_for_function("document.querySelector('.st-root')?.dataset.shown")
            rect = page.locator(".st-draw").bounding_box()
            scale = rect["width"] / SIZE[0]
            page.mouse.move(rect["x"] + x * scale, rect["y"] + y * scale)
            page.mouse.down()
            page.mouse.move(rect["x"] + (x + w) * scale, rect["y"] + (y + h) * scale)
            page.mouse.up()
            page.wait_for_selector("small:has-text('1 key')")
            page.keyboard.press("r")
            page.wait_for_selector(".q-linear-progress", state="visible")
            page.wait_for_selector(".q-linear-progress", state="hidden")
            page.keyboard.press("Home")  # what is watched last need not be the last frame
            page.wait_for_selector(".info:has-text('Frame 0 of')")
            for _ in range(LOOK):
                page.keyboard.press("ArrowRight")
            page.mouse.move(2, 2)
            page.wait_for_timeout(2000)
            out = HERE / "pictures"
            page.screenshot(path=out / "app_run.jpg", type="jpeg", quality=QUALITY)
            page.get_by_text("Before/after").click()
            page.mouse.move(2, 2)
            page.wait_for_timeout(2000)
            page.screenshot(path=out / "app_slider.jpg", type="jpeg", quality=QUALITY)


if __name__ == "__main__":
    main()
