"""``spectrack submit``: pack results as the server of a benchmark takes them, or check a pack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from spectrack.commands.base import Command, Flag, OptionalFile, Repeated, choose, table
from spectrack.errors import InputError

if TYPE_CHECKING:
    from spectrack.commands.console import Console
    from spectrack.datasets.base import Dataset
    from spectrack.evaluation.submissions.base import Benchmark

SHOWN = 10
"""Problems that are shown; --json has them all."""


@dataclass(frozen=True, kw_only=True)
class SubmitCommand(Command):
    """Pack results as the server of a benchmark takes them, and check the pack before it goes.

    RESULTS holds a result for every sequence, as `evaluate --tracker --out` leaves them. A pack of
    anybody is checked with --check FILE: names, counts, sizes, palettes, values; what is wrong is
    told by the name of the file, and the status is 1. --benchmark list shows the benchmarks.

    Example: spectrack submit runs/csrt --benchmark got10k --root GOT-10k --out csrt.zip
    """

    results: Annotated[Positional[Path | None], arg(metavar="RESULTS")] = None
    """Folder with a result for each sequence."""
    benchmark: Annotated[str, arg(metavar="NAME")] = "list"
    """Whose server it is for, or list."""
    root: Annotated[Path | None, arg(metavar="DIR")] = None
    """Folder of the data set, which tells what is expected."""
    out: OptionalFile = None
    """The pack to write, .zip."""
    check: OptionalFile = None
    """A pack to check."""
    set_data: Annotated[Repeated, arg(metavar="NAME=VALUE")] = ()
    """An option of the data set, such as split=test. Repeat for more."""
    sequences: Annotated[str | None, arg(metavar="A,B")] = None
    """Only these sequences."""
    tracker: Annotated[str | None, arg(metavar="NAME")] = None
    """Name of the tracker in a pack for VOT; that of the folder where left out."""
    overwrite: Flag = False
    """Replace an earlier pack."""

    def run(self, console: Console) -> int:
        """Write or check a pack."""
        from spectrack.evaluation.submissions.base import Job, check_pack, write_pack
        from spectrack.evaluation.submissions.table import BENCHMARKS

        if self.benchmark == "list":
            listed = {name: b.description for name, b in BENCHMARKS.items()}
            console.result(listed, table([("benchmark", "pack"), *listed.items()]))
            return 0
        benchmark = BENCHMARKS[choose("benchmark", self.benchmark, BENCHMARKS)]
        if (self.check is None) == (self.results is None):
            raise InputError(
                "give either RESULTS to pack, with --out FILE.zip, or --check FILE.zip"
            )
        if self.root is None:
            raise InputError("--root is missing; give the folder of the data set")
        if self.check is not None and not self.check.is_file():
            raise InputError(f"{self.check} is no file; give a pack to check")
        target = self._target() if self.check is None else self.check
        dataset = self._open(benchmark)
        with console.progress("checking" if self.check else "packing", "sequences") as progress:
            job = Job(
                dataset=dataset,
                results=self.results or Path(),
                root=self.root,
                tracker=self.tracker
                or (self.results.resolve().name if self.results else "tracker"),
                progress=progress,
            )
            files = None if self.check else len(write_pack(benchmark, job, target))
        with console.progress("checking", "sequences") as progress:
            problems = check_pack(benchmark, job, target)
        said = {
            "pack": str(target),
            "benchmark": self.benchmark,
            "dataset": dataset.name,
            "sequences": len(dataset),
            "files": files,
            "ok": not problems,
            "problems": problems,
        }
        console.result(said, text(str(target), dataset, files, problems))
        return 1 if problems else 0

    def _target(self) -> Path:
        """Where the pack goes.

        Raises:
            InputError: If there is no place, or something is there.
        """
        if self.out is None:
            raise InputError("--out is missing; give the pack to write, FILE.zip")
        if self.out.suffix.lower() != ".zip":
            raise InputError(f"--out {self.out} was given; a pack is a file ending in .zip")
        if not self.out.parent.is_dir():
            raise InputError(f"folder {self.out.parent} does not exist; make it first")
        if self.out.is_dir() or (self.out.exists() and not self.overwrite):
            raise InputError(f"{self.out} is there already; pass --overwrite or give another name")
        return self.out

    def _open(self, benchmark: Benchmark) -> Dataset:
        from spectrack.datasets import open_dataset
        from spectrack.settings import split_pairs

        names = None
        if self.sequences is not None:
            names = [name.strip() for name in self.sequences.split(",") if name.strip()]
        options = {**benchmark.options, **split_pairs(self.set_data, "--set-data")}
        return open_dataset(benchmark.dataset, self.root or Path(), names, **options)


def text(pack: str, dataset: Dataset, files: int | None, problems: list[str]) -> str:
    """What was found, in a few lines."""
    wrote = "" if files is None else f" ({files} files)"
    if not problems:
        return f"{pack}{wrote} is as {dataset.name} wants it: {len(dataset)} sequences"
    lines = [f"{pack}{wrote} would be refused:", *problems[:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"and {len(problems) - SHOWN} more; --json has them all")
    return "\n".join(lines)
