"""The table of data sets: options that belong to them, and data sets of other packages."""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from spectrack.datasets import DATASETS, open_dataset
from spectrack.datasets.base import Dataset, Sequence, VideoSequence
from spectrack.datasets.table import BUILT_IN
from spectrack.errors import InputError
from spectrack.settings import make_settings

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "add_a_dataset.md"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a package with entry points on the path, as an installation does."""

    def put(package: str, module: str, code: str, points: dict[str, str]) -> None:
        site = tmp_path / f"site-{package}"
        info = site / f"{package.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (site / f"{module}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[spectrack.datasets]", *lines, ""]))
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(sys.modules, module, raising=False)

    yield put
    for module in ("gallery", "other_set"):
        sys.modules.pop(module, None)


@pytest.fixture
def gallery(install):
    """The package that the guide makes, from the guide itself."""
    blocks = re.findall(r"```(\w+)\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)
    code = next(text for kind, text in blocks if kind == "python")
    project = tomllib.loads(next(text for kind, text in blocks if kind == "toml"))["project"]
    install(project["name"], "gallery", code, project["entry-points"]["spectrack.datasets"])


@pytest.fixture
def root(tmp_path):
    """Two parts of Gallery, with a sequence of three frames each."""
    for part, name in (("test", "car"), ("train", "bus")):
        frames = tmp_path / "GALLERY" / part / name / "frames"
        frames.mkdir(parents=True)
        for t in range(3):
            Image.fromarray(np.full((30, 40, 3), 60 * t, np.uint8)).save(frames / f"{t:05d}.jpg")
        (frames.parent / "truth.txt").write_text("5,6,10,8\nnan,nan,nan,nan\n7,6,10,8\n")
    return tmp_path / "GALLERY"


def test_the_guide_followed_to_the_letter(gallery, root):
    assert "gallery" in DATASETS
    assert set(DATASETS) >= {"davis2016", "otb", "vot", "gallery"}
    assert len(DATASETS) == len(list(DATASETS))
    opened = open_dataset("gallery", root, part="train")
    assert isinstance(opened, Dataset)
    assert (opened.name, opened.protocol, list(opened)) == ("Gallery train", "lasot", ["bus"])
    assert tuple(opened["bus"].target().box) == (5, 6, 10, 8)
    assert opened["bus"].truth_box(1) is None
    with opened["bus"].frames() as frames:
        assert frames.size_wh == (40, 30)
    assert list(open_dataset("gallery", root)) == ["car"]
    with pytest.raises(InputError, match=r"data set gallery has no option split.*part"):
        open_dataset("gallery", root, split="val")


def test_commands_of_the_guide(gallery, root, spectrack, still, tmp_path):
    assert "of the package spectrack-gallery" in spectrack("datasets").out
    shown = spectrack("datasets", "gallery").out
    assert "part" in shown
    assert "Which part: test or train." in shown
    args = ("--tracker", still, "--dataset", "gallery", "--root", root, "--json")
    ran = spectrack("evaluate", *args, "--set-data", "part=train", "--out", tmp_path / "runs")
    assert ran.status == 0, ran.err
    assert '"bus"' in ran.out
    wrong = spectrack("evaluate", *args, "--set-data", "fold=2", "--out", tmp_path / "other")
    assert wrong.status == 2
    assert "data set gallery has no option fold; it has sequences, part" in wrong.err
    other = spectrack("evaluate", *args, "--out", tmp_path / "runs")  # the other part
    assert other.status == 2
    assert "Gallery train, not Gallery test" in other.err


def test_a_name_of_two_packages_is_refused_when_used(install, root, spectrack, tmp_path):
    code = "from spectrack.datasets.otb import Otb\nclass Mine(Otb):\n    pass\n"
    install("spectrack-twin", "other_set", code, {"otb": "other_set:Mine", "new": "other_set:Mine"})
    with pytest.raises(InputError, match="'otb' is offered by spectrack and spectrack-twin; rem"):
        open_dataset("otb", root)
    with pytest.raises(InputError, match="no sequences of OTB"):
        open_dataset("new", root)
    assert len(DATASETS) == len(BUILT_IN) + 1
    assert spectrack("datasets").out.count("otb ") == 2  # both are shown
    ran = spectrack("evaluate", "--dataset", "otb", "--root", root, "--results", tmp_path)
    assert ran.status == 2
    assert "remove one of these packages" in ran.err


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import a_module_that_is_not_there\n", "cannot be loaded .*a_module_that_is_not_there"),
        ("", "other_set:Mine of package spectrack-bad cannot be loaded"),
        ("Mine = 3\n", "is not a class of spectrack.datasets.base.Dataset"),
        (
            "from spectrack.datasets.otb import Otb\n"
            "from spectrack.datasets.vot import VotOptions\n"
            "class Mine(Otb):\n    Options = VotOptions\n",
            "takes no argument upright",
        ),
        (
            "from spectrack.datasets.otb import Otb\nclass Mine(Otb):\n    Options = dict\n",
            "are no dataclass",
        ),
    ],
)
def test_a_package_that_does_not_fit_is_told(install, root, code, message):
    install("spectrack-bad", "other_set", code, {"mine": "other_set:Mine"})
    with pytest.raises(InputError, match=message):
        open_dataset("mine", root)
    assert "otb" in DATASETS  # the others work


@pytest.mark.parametrize("name", BUILT_IN)
def test_options_lie_beside_the_data_set(name):
    cls = DATASETS[name].load()
    assert is_dataclass(cls.Options)
    assert cls.Options.__dataclass_params__.frozen
    assert cls.Options.__module__ in (cls.__module__, "spectrack.datasets.base")
    cls.Options()  # every option has a default


@dataclass(frozen=True)
class Many:
    word: str = "a"
    count: int = 1
    share: float = 0.5
    deep: bool = False
    how: Literal["near", "far"] = "near"
    limit: int | None = 5


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"word": "5"}, "5"),
        ({"count": "7"}, 7),
        ({"share": "0.25"}, 0.25),
        ({"share": 2}, 2.0),
        ({"deep": "no"}, False),
        ({"deep": "On"}, True),
        ({"deep": True}, True),
        ({"how": "far"}, "far"),
        ({"limit": "none"}, None),
        ({"limit": "3"}, 3),
    ],
)
def test_words_become_values_of_the_fields_type(given, value):
    read = make_settings(Many, given, "data set x", "option", ["sequences"])
    (name,) = given
    assert getattr(read, name) == value
    assert type(getattr(read, name)) is type(value)
    others = [f.name for f in fields(Many) if f.name != name]
    assert [getattr(read, n) for n in others] == [getattr(Many(), n) for n in others]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"count": "abc"}, "data set x: count is 'abc'; give a whole number"),
        ({"count": True}, "give a whole number"),
        ({"share": "nan"}, "give a finite number"),
        ({"deep": "maybe"}, "give yes or no"),
        ({"deep": 2}, "give yes or no"),
        ({"how": "wide"}, "give one of near, far"),
        ({"limit": "many"}, "give a whole number or none"),
        ({"word": 3}, "give text"),
        ({"wordy": 3}, "no option wordy; it has sequences, word, count"),
    ],
)
def test_other_values_are_refused(given, message):
    with pytest.raises(InputError, match=message):
        make_settings(Many, given, "data set x", "option", ["sequences"])


def test_the_earlier_name_of_a_sequence_still_works():
    assert Sequence is VideoSequence
