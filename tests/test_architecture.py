"""The house rules: imports go down only, a tracker is reached by its name, files stay short."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "spectrack"

# Rooms from the ground up: a room may import from lower floors and from itself; rooms of one floor
# do not know each other. A folder of SPLIT is rooms of its own, one a subfolder.
SPLIT = {"spectral", "datasets", "training", "trackers"}
FLOORS = [
    {"errors"},
    {
        "structures",
        "storage",
        "plugins",
        "settings",
        "checked_lines",
        "processes",
        "threads",
        "allocation",
    },
    {"workers", "mask_sheet", "result_folder"},
    {"tracks"},
    {"video", "metrics", "flow", "networks"},
    {"spectral/sfseg", "spectral/guided", "spectral/mixing"},
    {"spectral", "datasets", "weights"},
    {"datasets/synthetic", "refinement", "exports", "runtimes"},
    {"tracking"},
    {"training/loop"},
    {"training/data"},
    {"training"},
    {"fusion"},
    {"trackers/*"},
    {"evaluation"},
    {"api"},
    {"app"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
ARRAYS_ONLY = {"spectral", "flow", "metrics", "networks"}
FILE_MODULES = {"av", "PIL", "pathlib", "shutil", "csv"}
READS_PROC = {"benchmark.py"}  # how much memory the process itself holds
FORBIDDEN = {"torchvision", "timm", "segmentation_models_pytorch", "kornia"}
LONGEST = 400

FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(parts: tuple[str, ...]) -> str:
    """The room of a module, by the path or the dotted name below the package."""
    folder = len(parts) > 1 and (PACKAGE.joinpath(*parts[:2])).is_dir()
    if parts[0] in SPLIT and folder:
        return "/".join(parts[:2])
    return parts[0].removesuffix(".py")


def floor_of(room: str) -> int | None:
    return FLOOR_OF.get("trackers/*" if room.startswith("trackers/") else room)


def imported(path: Path) -> list[tuple[int, str]]:
    """Every imported module with its line, inside functions and TYPE_CHECKING too."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} uses a relative import"
            names = [alias.name for alias in node.names]
            if node.module is not None and node.module.split(".")[0] == "spectrack":
                # a name may be a module: `from spectrack.trackers import rts`
                found += [(node.lineno, f"{node.module}.{name}") for name in names]
            else:
                found.append((node.lineno, node.module or ""))
    return found


def violations(path: Path) -> list[str]:
    parts = path.relative_to(PACKAGE).parts
    room, wrong = room_of(parts), []
    top = parts[0].removesuffix(".py")
    for line, name in imported(path):
        target = name.split(".")
        if target[0] in FORBIDDEN:
            wrong.append(f"{path.name}:{line} imports {name}")
        files = target[0] in FILE_MODULES and path.name not in READS_PROC
        if top in ARRAYS_ONLY and files:
            wrong.append(f"{path.name}:{line} knows files ({name}); {room} knows arrays only")
        if target[0] != "spectrack" or len(target) < 2 or target[1] == "__version__":
            continue
        other = room_of(tuple(target[1:]))
        if other == room:
            wrong += training_in_tracking(path, line, name)
            continue
        floor, below = floor_of(room), floor_of(other)
        if floor is None or below is None:
            wrong.append(f"{path.name}:{line} {room} imports {name}: give both a floor in FLOORS")
        elif other.startswith("trackers/"):
            why = "another tracker" if room.startswith("trackers/") else "a tracker"
            wrong.append(f"{path.name}:{line} ({room}) imports {why}: {name}; use its name")
        elif below >= floor:
            wrong.append(f"{path.name}:{line} ({room}) imports upward or sideways: {name}")
        elif learns(other) and room.startswith("trackers/") and not path.name.startswith("train"):
            wrong.append(f"{path.name}:{line} imports {name}; only train*.py of a tracker may")
    return wrong


def learns(room: str) -> bool:
    return room.split("/")[0] in {"training", "datasets"}


def training_in_tracking(path: Path, line: int, name: str) -> list[str]:
    """Rule 3: what tracks does not import what trains, within a tracker's folder."""
    target = name.split(".")
    inside = target[1] == "trackers" and len(target) > 3
    if inside and target[3].startswith("train") and not path.name.startswith("train"):
        return [f"{path.name}:{line} imports {name}; what tracks does not know what trains"]
    return []


def test_every_room_has_a_floor():
    rooms = {room_of(path.relative_to(PACKAGE).parts) for path in modules()} - {"__init__"}
    lost = {room for room in rooms if floor_of(room) is None} - {"trackers"}
    assert not lost, f"give {lost} a floor in FLOORS"
    assert (PACKAGE / "trackers" / "__init__.py").read_text().count("import") == 0
    assert [p.name for p in (PACKAGE / "trackers").glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_module_keeps_the_rules(path):
    if path.relative_to(PACKAGE).parts[0] != "__init__.py":
        assert not violations(path)
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines < LONGEST, f"{path.name} has {lines} lines; split it by idea"


@pytest.mark.parametrize(
    ("file", "statement", "told"),
    [
        ("metrics/regions.py", "from spectrack.api import track", "upward"),
        ("metrics/regions.py", "import torchvision", "imports torchvision"),
        ("metrics/regions.py", "from spectrack.structures import Box", None),
        ("metrics/regions.py", "from spectrack.video.reader import open_video", "sideways"),
        ("metrics/regions.py", "import pathlib", "arrays only"),
        ("tracking/loop.py", "from spectrack.trackers.rts.tracker import RTSTracker", "a tracker"),
        ("tracking/loop.py", "from spectrack.trackers import rts", "a tracker"),
        ("trackers/lwl/a.py", "from spectrack.trackers.rts.network import RTS", "another tracker"),
        ("trackers/lwl/a.py", "from spectrack.tracking.base import Tracker", None),
        ("trackers/lwl/a.py", "from spectrack.training.losses import dice", r"only train\*.py"),
        ("trackers/lwl/train.py", "from spectrack.training.losses import dice", None),
        ("trackers/lwl/a.py", "from spectrack.trackers.lwl.train import fit", "what trains"),
        ("trackers/lwl/a.py", "from spectrack.trackers.lwl import train_fit", "what trains"),
    ],
)
def test_the_check_sees_what_is_forbidden(tmp_path, monkeypatch, file, statement, told):
    for folder in ("metrics", "tracking", "trackers/lwl", "trackers/rts", "video", "training"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    path = tmp_path / file
    path.write_text(f"def f():\n    {statement}\n")
    found = violations(path)
    assert bool(found) == (told is not None)
    if told is not None:
        assert re.search(told, found[0])


def strings_of_tables() -> list[str]:
    """Every import string, ``module:name``, in the package."""
    found = set()
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(re.findall(r"^spectrack(?:\.\w+)+:\w+$", node.value))
    return sorted(found)


@pytest.mark.parametrize("target", strings_of_tables())
def test_every_string_of_every_table_can_be_loaded(target):
    module, name = target.split(":")
    assert getattr(import_module(module), name) is not None


def test_the_tables_are_seen():
    assert len(strings_of_tables()) > 15


def loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(' '.join(m.split('.')[0] for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    heavy = {"numpy", "torch", "cv2", "av", "numba", "scipy", "PIL"}
    assert not loaded_by("import spectrack") & heavy


def test_parsing_a_command_loads_nothing_heavy():
    heavy = {"torch", "cv2", "av", "numba", "scipy", "matplotlib"}
    statement = "from spectrack.cli import parse\nparse(['track', 'v', '--out', 'o'])"
    assert not loaded_by(statement) & heavy


def test_listing_the_trackers_loads_nothing_heavy():
    heavy = {"torch", "cv2", "av", "numba", "scipy", "matplotlib"}
    statement = "from spectrack.cli import main\nmain(['trackers', '--quiet'])"
    assert not loaded_by(statement) & heavy


def test_public_names_are_sorted_and_exist():
    import spectrack

    assert spectrack.__all__ == sorted(spectrack.__all__)
    for name in spectrack.__all__:
        assert getattr(spectrack, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = spectrack.nonsense


def test_every_file_of_tests_has_a_name_of_its_own():
    """Folders of tests are no packages: of two files of one name, pytest refuses the second."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
