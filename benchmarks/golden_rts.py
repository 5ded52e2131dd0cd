"""How closely the networks of RTS, STA and LWL meet the golden arrays, as a Markdown table.

    python benchmarks/golden_rts.py [FOLDER]

FOLDER holds ``params_*.txt`` and ``golden/``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
SPEC = ROOT.parent / "shared" / "spec" / "pytracking_family"


def main() -> None:
    """Compute every array, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=SPEC)
    arguments = parser.parse_args()
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "networks")]
    from golden_arrays import FILES

    from golden import Golden

    golden = Golden.open(arguments.folder)
    print("| file | array | shape | error / maximum |\n|---|---|---|---|")
    with torch.no_grad():
        for file, compute in FILES.values():
            for key, value in compute(golden):
                shape = "x".join(str(n) for n in golden.manifest[file][key]["full_shape"])
                print(f"| {file} | {key} | {shape} | {golden.error(file, key, value):.1e} |")


if __name__ == "__main__":
    main()
