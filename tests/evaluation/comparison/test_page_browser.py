"""The page in a real browser: offline, light and dark, wide and narrow, sorted by a click."""

from __future__ import annotations

import pytest

from app_server import browser
from spectrack.evaluation.comparison.figures import compare
from spectrack.evaluation.comparison.page import page
from spectrack.evaluation.comparison.runs import read_runs
from spectrack.evaluation.comparison.strips import Strip, Strips

PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs="  # one white pixel


@pytest.fixture
def path(written, tmp_path):
    made = compare(read_runs(written), resamples=50)
    strip = Strip("good", PIXEL, 1100, 100)
    file = tmp_path / "page.html"
    file.write_text(page(made, [Strips("<img src=x onerror=alert(2)>", ("0",), (strip,))]))
    return file


def test_the_page(path):
    with browser() as chromium:
        for scheme, width in (("light", 1280), ("dark", 390)):
            context = chromium.new_context(
                viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True
            )
            shown, told, asked = context.new_page(), [], []
            shown.on("console", lambda message, told=told: told.append(message.text))
            shown.on("pageerror", lambda error, told=told: told.append(str(error)))
            shown.on("dialog", lambda dialog, told=told: told.append(dialog.message))
            shown.on("request", lambda request, asked=asked: asked.append(request.url))
            shown.goto(path.as_uri())
            assert told == []  # no script of a name has run, and none of ours was refused
            assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
            # Nothing is wider than the window; what is, scrolls within.
            assert shown.evaluate("document.documentElement.scrollWidth") == width
            paper = shown.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
            assert shown.evaluate("document.images[0].naturalWidth") == 1
            colours = shown.evaluate(
                "[...document.querySelectorAll('.plot .line')].map(p => getComputedStyle(p).stroke)"
            )
            assert len(set(colours)) == 3  # one a run
            first = "document.querySelector('table.sortable tbody th').textContent"
            assert "good" in shown.evaluate(first)
            head = shown.locator("table.sortable thead th").nth(1)
            head.click()
            assert head.get_attribute("aria-sort") == "descending"
            assert "good" in shown.evaluate(first)
            head.press("Enter")
            assert head.get_attribute("aria-sort") == "ascending"
            assert "=poor()" in shown.evaluate(first)
            context.close()
