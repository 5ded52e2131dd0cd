"""How closely RTS, STA and LWL meet the golden arrays of their reference: a table of all of them.

    python benchmarks/golden_rts.py [--out FILE]

Runs the tests that compare with golden arrays (some minutes) and writes what each comparison found:
networks, geometry, losses, and whole trackers frame by frame. ``SPECTRACK_SPEC`` names the folder
of the specification where it does not lie beside the project.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # where experiments/ lies


def errors(notes: Path) -> dict[tuple[str, str], tuple[str, float]]:
    """Run the tests; shape and greatest error of each array, by file and key."""
    tests = [
        str(path)
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if "golden" in path.read_text(encoding="utf-8")
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=ROOT,
        env={**os.environ, "SPECTRACK_GOLDEN_ERRORS": str(notes)},
        check=False,
    )
    if done.returncode:
        raise SystemExit("a test failed; the table would not be whole")
    if not notes.is_file():
        raise SystemExit("no array was compared; the specification is not there")
    found: dict[tuple[str, str], tuple[str, float]] = {}
    for line in notes.read_text(encoding="utf-8").splitlines():
        file, key, shape, error = json.loads(line)
        before = found.get((file, key), ("", 0.0))[1]
        found[file, key] = "x".join(str(n) for n in shape) or "one number", max(error, before)
    return found


def table(found: dict[tuple[str, str], tuple[str, float]]) -> str:
    """The page: the worst array of each file, then all of them."""
    from experiments.common import commit, machine

    files = list(dict.fromkeys(file for file, _ in found))
    lines = [
        "# Golden arrays\n",
        "RTS, STA and LWL with weights made from names, against arrays that the reference gave. "
        "An error is the greatest difference of the values stored, and of mean, deviation, maximum "
        "and norm of the whole array, relative to its greatest value.\n",
        "| file | arrays | greatest error | of |\n| --- | ---: | ---: | --- |",
    ]
    for file in files:
        own = {key: error for (f, key), (_, error) in found.items() if f == file}
        worst = max(own, key=lambda key: own[key])
        lines.append(f"| {file} | {len(own)} | {own[worst]:.1e} | {worst} |")
    lines.append("\n| file | array | shape | error |\n| --- | --- | --- | ---: |")
    lines += [
        f"| {file} | {key} | {shape} | {error:.1e} |"
        for (file, key), (shape, error) in found.items()
    ]
    lines.append(
        f"\nMade by `python benchmarks/golden_rts.py`, commit {commit()}, {machine()}, "
        "no randomness."
    )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    usual = ROOT / "benchmarks" / "results" / "golden_rts.md"
    parser.add_argument("--out", type=Path, default=usual)
    out = parser.parse_args().out
    with TemporaryDirectory() as folder:
        found = errors(Path(folder) / "errors.jsonl")
    out.write_text(table(found), encoding="utf-8")
    print(f"wrote {len(found)} arrays to {out}")


if __name__ == "__main__":
    main()
