"""How closely every family meets the golden arrays of its reference: a table of all of them.

    python benchmarks/golden.py [--out FOLDER] [--notes FILE]

Runs the tests that compare with golden arrays (some minutes) and writes what each comparison found:
networks, geometry, losses, steps online, and whole trackers frame by frame. Arrays that nothing is
compared with are counted: inputs of others, and those of networks that are not here. RTS, STA and
LWL have a page of their own. ``SPECTRACK_SPEC`` names the folder of the specification where it does
not lie beside the project, ``SPECTRACK_WEIGHTS`` that of published weights.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]  # where experiments/ and golden.py lie
COMPARES = ("golden", "siamese_scheme")
"""What stands in the text of tests that compare with golden arrays."""
RTS = "RTS, STA, LWL"


@dataclass(frozen=True, slots=True)
class Family:
    """Files of golden arrays that belong together.

    Args:
        files: What their names begin with.
        module: Where the network is, or would be.
    """

    files: tuple[str, ...]
    module: str


def _tracker(name: str, *files: str) -> Family:
    return Family(files or (name,), f"spectrack.trackers.{name}")


FAMILIES = {
    RTS: _tracker(
        "rts", "backbone", "rts", "sta_lwl", "geometry", "rts_tracker", "other_trackers", "losses"
    ),
    "backbones": Family(("golden_backbones",), "spectrack.networks.mobilenet_v2"),
    "NanoTrack": _tracker("nanotrack"),
    "FEAR": _tracker("fear"),
    "SiamFC": _tracker("siamfc"),
    "SiamRPN, SiamRPN++": _tracker("siamrpn"),
    "SiamBAN": _tracker("siamban"),
    "SiamMask": _tracker("siammask"),
    "MDNet": _tracker("mdnet"),
    "STARK": _tracker("stark"),
    "D3S": _tracker("d3s"),
    "ATOM": _tracker("atom"),
    "DiMP": _tracker("dimp"),
    "KYS": _tracker("kys"),
}
GENERATOR = "scheme"
"""File of the numbers that the generator is checked with."""

Arrays = dict[str, dict[str, tuple[int, ...]]]
"""By file and key: shape."""


@dataclass(frozen=True, slots=True)
class Met:
    """How closely an array was met: both relative to its greatest value."""

    shape: str
    error: float
    tolerance: float


def stored_arrays() -> Arrays:
    """Every golden array there is."""
    from golden import spec_folder

    found: Arrays = {}
    for path in sorted(spec_folder().parent.rglob("*.npz")):
        with np.load(path) as arrays:
            found[path.stem] = {key: arrays[key].shape for key in arrays.files}
    if not found:
        raise SystemExit(f"no golden arrays below {spec_folder().parent}; set SPECTRACK_SPEC")
    found.pop(GENERATOR, None)
    return found


def run_tests(notes: Path) -> None:
    """Run every test that compares with golden arrays; each comparison is noted in a file."""
    tests = [
        str(path)
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if any(word in path.read_text(encoding="utf-8") for word in COMPARES)
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=ROOT,
        env={**os.environ, "SPECTRACK_GOLDEN_ERRORS": str(notes)},
        check=False,
    )
    if done.returncode:
        raise SystemExit("a test failed; the table would not be whole")


def read_notes(notes: Path) -> dict[tuple[str, str], Met]:
    """The greatest error of each array, by file and key."""
    if not notes.is_file():
        raise SystemExit("no array was compared; the specification is not there")
    found: dict[tuple[str, str], Met] = {}
    for line in notes.read_text(encoding="utf-8").splitlines():
        file, key, shape, error, tolerance = json.loads(line)
        before = found.get((file, key))
        if before is None or error > before.error:
            text = "x".join(str(n) for n in shape) or "one number"
            found[file, key] = Met(text, error, tolerance)
    return found


def family_of(file: str) -> str:
    """The family of a file; the longest beginning decides."""
    fits = [
        (len(start), name)
        for name, family in FAMILIES.items()
        for start in family.files
        if file.startswith(start)
    ]
    if not fits:
        raise SystemExit(f"golden file {file} is of no family; add it to FAMILIES")
    return max(fits)[1]


def summary(stored: Arrays, met: Mapping[tuple[str, str], Met]) -> list[str]:
    """A row for every file, and a sentence for every family that is not here."""
    lines = [
        "| family | file | arrays | compared | greatest error | tolerance | of |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    absent = []
    for name, family in FAMILIES.items():
        files = [file for file in stored if family_of(file) == name]
        if find_spec(family.module) is None:
            absent.append(f"{name} ({sum(len(stored[file]) for file in files)})")
            continue
        for file in files:
            own = {key: one for (f, key), one in met.items() if f == file and key in stored[file]}
            row = [name, file, str(len(stored[file])), str(len(own))]
            if own:
                worst = max(own, key=lambda key: own[key].error / max(own[key].tolerance, 1e-300))
                one = own[worst]
                row += [f"{one.error:.1e}", f"{one.tolerance:.1e}", worst.replace("|", "\\|")]
            else:
                row += ["", "", ""]
            lines.append(f"| {' | '.join(row)} |")
    if absent:
        lines.append(f"\nNot here, with the number of their arrays: {', '.join(absent)}.")
    return lines


def details(met: Mapping[tuple[str, str], Met], families: set[str]) -> list[str]:
    """A row for every array that was compared."""
    lines = ["| file | array | shape | error | tolerance |", "| --- | --- | --- | ---: | ---: |"]
    lines += [
        f"| {file} | {key.replace('|', chr(92) + '|')} | {one.shape} | {one.error:.1e} "
        f"| {one.tolerance:.1e} |"
        for (file, key), one in sorted(met.items())
        if family_of(file) in families
    ]
    return lines


def not_compared(stored: Arrays, met: Mapping[tuple[str, str], Met]) -> list[str]:
    """A line for every file of a family that is here, with the arrays nothing is compared with."""
    lines = []
    for file, arrays in stored.items():
        left = [key for key in arrays if (file, key) not in met]
        if left and find_spec(FAMILIES[family_of(file)].module) is not None:
            names = ", ".join(f"`{key}`" for key in left)
            lines.append(f"- {file}, {len(left)} of {len(arrays)}: {names}")
    return lines


def pages(stored: Arrays, met: Mapping[tuple[str, str], Met], noted: bool) -> dict[str, str]:
    """The page of all families, and that of RTS; text by file name."""
    from experiments.common import commit, machine

    about = (
        "An error is the greatest difference, relative to the array's greatest value; of RTS, STA "
        "and LWL also that of mean, deviation, maximum and norm of the whole array. The tolerance "
        "is on the same scale; 0 means equal to the bit."
    )
    how = "--notes FILE`, of runs up to" if noted else "`,"
    command = "python benchmarks/golden.py" + (" " if noted else "")
    made = f"\nMade by `{command}{how} commit {commit()}, {machine()}, no randomness."
    here = [(f, k) for f, k in met if k in stored.get(f, {})]
    total = sum(len(arrays) for arrays in stored.values())
    whole = [
        "# Golden arrays\n",
        "Our networks and trackers against arrays that the references gave, with weights made from "
        f"names, or published ones where the arrays are of them. {about} Of each file the array "
        f"that comes nearest to its tolerance is shown. {len(here)} of {total} arrays are "
        "compared.\n",
        *summary(stored, met),
        "\n## Every array\n",
        f"Those of {RTS} are on [their own page](golden_rts.md).\n",
        *details(met, set(FAMILIES) - {RTS}),
        "\n## Not compared\n",
        "Inputs of other arrays, numbers that say how one was made, and what no test reads.\n",
        *not_compared(stored, met),
        made,
    ]
    rts = [
        "# Golden arrays of RTS, STA and LWL\n",
        f"With weights made from names, against arrays that the reference gave. {about} "
        "[All families](golden.md).\n",
        *details(met, {RTS}),
        made,
    ]
    return {"golden.md": "\n".join(whole) + "\n", "golden_rts.md": "\n".join(rts) + "\n"}


def main() -> None:
    """Write both pages."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--notes", type=Path, help="of an earlier run, in place of the tests")
    options = parser.parse_args()
    stored = stored_arrays()
    with TemporaryDirectory() as folder:
        notes = options.notes or Path(folder) / "errors.jsonl"
        if options.notes is None:
            run_tests(notes)
        met = read_notes(notes)
    for name, text in pages(stored, met, options.notes is not None).items():
        (options.out / name).write_text(text, encoding="utf-8")
        print(f"wrote {options.out / name}")
    over = [place for place, one in met.items() if one.error > one.tolerance]
    print(f"{len(met)} arrays were compared, {len(over)} of them beyond their tolerance")


if __name__ == "__main__":
    main()
