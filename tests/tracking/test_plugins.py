"""Trackers of other packages: the guide followed to the letter, and packages that are broken."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.structures import Target
from spectrack.tracking import table
from spectrack.tracking.table import make_tracker, tracker_table

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "add_a_tracker.md"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs a module with entry points, as pip would, for the length of a test."""

    def install(name: str, code: str, points: str) -> None:
        (tmp_path / f"{name}.py").write_text(code)
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(points)
        table._plugins.cache_clear()

    monkeypatch.syspath_prepend(str(tmp_path))
    yield install
    table._plugins.cache_clear()
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.fixture
def bright(installed):
    toml = blocks("toml")[0]
    points = toml.replace('[project.entry-points."spectrack.trackers"]', "[spectrack.trackers]")
    installed("bright", blocks("python")[0], points.replace('"', ""))


@pytest.fixture
def lamp():
    """A bright square that moves two pixels a frame."""
    frames = np.full((6, 60, 80, 3), 30, np.uint8)
    for t, frame in enumerate(frames):
        frame[20:30, 10 + 2 * t : 20 + 2 * t] = 220
    return frames


def test_the_guide_s_tracker_follows(bright, lamp):
    tracker = make_tracker("bright", reach="5")
    assert tracker.settings.reach == 5
    tracker.init(lamp[0], Target(box=(10, 20, 10, 10)))
    boxes = [tracker.update(frame).box for frame in lamp[1:]]
    assert [box.x for box in boxes] == pytest.approx([12, 14, 16, 18, 20], abs=1)
    with pytest.raises(InputError, match="reach is 0; give 1 or more"):
        make_tracker("bright", reach=0)


def test_it_stands_in_the_list_and_runs_by_the_command(bright, lamp, spectrack, tmp_path):
    from PIL import Image

    folder = tmp_path / "lamp"
    folder.mkdir()
    for t, frame in enumerate(lamp):
        Image.fromarray(frame).save(folder / f"{t:05d}.png")
    assert "the brightest spot near the last box" in spectrack("trackers").out
    assert "reach" in spectrack("trackers", "bright").out
    out = tmp_path / "out"
    args = ("--box", "10,20,10,10", "--tracker", "bright", "--set", "reach=12", "--no-overlay")
    ran = spectrack("track", folder, *args, "--out", out, "--json")
    assert ran.status == 0, ran
    assert json.loads(ran.out)["tracker"] == "bright"
    assert json.loads((out / "track.json").read_text())["objects"]["1"]["settings"] == {"reach": 12}


@pytest.mark.parametrize(
    ("points", "told"),
    [
        ("kcf = other:ENTRY", "'kcf' of package other is left out: that name is taken"),
        ("new = other:NOTHING", "it cannot be loaded .AttributeError"),
        ("new = absent:ENTRY", "it cannot be loaded .ModuleNotFoundError"),
        ("new = other:WRONG", "it is of type int, expected TrackerEntry"),
    ],
)
def test_a_package_that_is_broken_spoils_only_itself(installed, points, told):
    code = "from spectrack.tracking.table import TrackerEntry\n"
    code += "ENTRY = TrackerEntry('other:X', 'd', 'boxes')\nWRONG = 3\n"
    installed("other", code, f"[spectrack.trackers]\n{points}\n")
    with pytest.warns(RuntimeWarning, match=told):
        known = tracker_table()
    assert "new" not in known
    assert known["kcf"] is table.TRACKERS["kcf"]


def test_a_row_that_is_taken_out_again_is_gone(monkeypatch):
    """What is kept from one call to the next are the rows of other packages alone."""
    table._plugins.cache_clear()
    with monkeypatch.context() as patch:
        patch.setitem(table.TRACKERS, "passing", table.TRACKERS["kcf"])
        assert "passing" in tracker_table()
    assert "passing" not in tracker_table()
