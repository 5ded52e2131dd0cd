"""The house rules: imports go down only, nothing forbidden is imported, files stay short."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "spectrack"

# Rooms from the ground up. A room may import from lower floors and from itself; rooms of one floor
# do not know each other, except where NEIGHBOURS says so.
FLOORS = [
    {"errors"},
    {"structures"},
    {"tracks"},
    {"spectral", "flow", "metrics", "datasets", "video", "networks"},
    {"local_flow", "weights"},
    {"trackers"},
    {"soft_masks", "fusion_weights"},
    {"refinement", "whole_video", "fusion"},
    {"training"},
    {"evaluation", "presets"},
    {"api"},
    {"progress", "output"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
NEIGHBOURS = {
    ("datasets", "video"),
    ("refinement", "whole_video"),
    ("fusion", "refinement"),
    ("fusion", "whole_video"),
}
ARRAYS_ONLY = {"spectral", "flow", "local_flow", "metrics", "networks"}
FILE_MODULES = {"av", "PIL", "pathlib", "shutil", "csv"}
READS_PROC = {"benchmark.py"}  # how much memory the process itself holds
FORBIDDEN = {"torchvision", "timm", "segmentation_models_pytorch", "kornia"}
LONGEST = 400

FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> list[tuple[int, str]]:
    """Every imported module with its line, inside functions and TYPE_CHECKING too."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} uses a relative import"
            if node.module == "spectrack":
                found += [(node.lineno, f"spectrack.{alias.name}") for alias in node.names]
            else:
                found.append((node.lineno, node.module or ""))
    return found


def violations(path: Path) -> list[str]:
    room, wrong = room_of(path), []
    for line, name in imported(path):
        parts = name.split(".")
        if parts[0] in FORBIDDEN:
            wrong.append(f"{path.name}:{line} imports {name}")
        files = parts[0] in FILE_MODULES and path.name not in READS_PROC
        if room in ARRAYS_ONLY and files:
            wrong.append(f"{path.name}:{line} knows files ({name}); {room} knows arrays only")
        if parts[0] != "spectrack" or len(parts) < 2 or parts[1] == "__version__":
            continue
        other = parts[1]
        if other not in FLOOR_OF:
            wrong.append(f"{path.name}:{line} imports {name}, which has no floor in FLOORS")
        elif other == room or (room, other) in NEIGHBOURS:
            continue
        elif FLOOR_OF[other] >= FLOOR_OF[room]:
            wrong.append(f"{path.name}:{line} ({room}) imports upward or sideways: {name}")
    return wrong


def test_every_room_has_a_floor():
    rooms = {room_of(path) for path in modules()} - {"__init__"}
    assert rooms <= set(FLOOR_OF), f"give {rooms - set(FLOOR_OF)} a floor in FLOORS"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_module_keeps_the_rules(path):
    if room_of(path) != "__init__":
        assert not violations(path)
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines < LONGEST, f"{path.name} has {lines} lines; split it by idea"


def test_the_check_sees_a_hidden_upward_import(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    room = tmp_path / "metrics"
    room.mkdir()
    bad = room / "regions.py"
    bad.write_text("def f():\n    from spectrack.api import track\n    import torchvision\n")
    assert len(violations(bad)) == 2
    bad.write_text("from spectrack.structures import Box\nimport numpy\n")
    assert violations(bad) == []
    bad.write_text("from spectrack.video.reader import open_video\n")
    assert "sideways" in violations(bad)[0]


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
