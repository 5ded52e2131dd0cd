"""Any file of weights to safetensors, with where it comes from and which network it fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from spectrack.errors import InputError
from spectrack.storage import Progress
from spectrack.weights.cache import LARGEST, cache_folder, cached, fetch
from spectrack.weights.coreml import renamed
from spectrack.weights.files import WeightFile, read_weights, sha256_of, write_weights
from spectrack.weights.matching import compare, shapes_of
from spectrack.weights.records import PullRecord, read_record, record_file, write_record
from spectrack.weights.table import WEIGHTS, fits


@dataclass(frozen=True)
class Converted:
    """What became of a file.

    Args:
        path: The safetensors file.
        tensors: How many it has.
        networks: Names of the table whose network it fits exactly.
        about: What is written with it: source, SHA-256 of the source, networks, constructor.
    """

    path: Path
    tensors: int
    networks: tuple[str, ...]
    about: dict[str, Any]


def convert(source: str | Path, out: Path) -> Converted:
    """Write the tensors of a file of any kind to a safetensors file.

    Args:
        source: A checkpoint of ``torch.save``, a TensorFlow Lite file, an ONNX graph with the other
            one beside it, or a safetensors file; nothing in it is executed.
        out: The file to write; one that is there is replaced whole.

    Raises:
        InputError: If the source cannot be read or ``out`` not written.
    """
    return _write(read_weights(source), out)


def pull(name: str, source: str | None = None, report: Progress | None = None) -> Converted:
    """Fetch the weights of a name, see that they fit, and keep them in the cache.

    What was pulled is recorded beside them: where no hash is known, a later pull must give the same
    file as the first.

    Args:
        name: A name of the table.
        source: URL or file; the sources of the table where left out.
        report: Told how far a download is, in MiB.

    Raises:
        InputError: If no source is known or none gives the file, or it is of another network.
    """
    entry = WEIGHTS[name]
    sources = (source,) if source is not None else entry.sources
    if not sources:
        raise InputError(
            f"where weights {name} are to be had is not known; give a local file or URL by --from"
        )
    path, came_from = _fetch_first(name, sources, source is None, report)
    file = read_weights(path)
    if file.form == "coreml" and entry.layers is not None:
        module, layers = entry.layers.split(":")
        names = getattr(import_module(module), layers)
        file = replace(file, tensors=renamed(file.tensors, names))
    expected = entry.shapes()
    if expected is not None:
        differences = compare(expected, shapes_of(file.tensors))
        if len(differences):
            raise InputError(f"{source or path} is not {name}: {differences.text()}; give another")
    digest = sha256_of(path)
    converted = _write(file, cached(name))
    record = PullRecord(came_from, source is None, digest, sha256_of(converted.path))
    write_record(name, record)
    if path.parent == cache_folder() / "downloads":
        path.unlink()
    return converted


def _fetch_first(
    name: str, sources: Sequence[str], published: bool, report: Progress | None
) -> tuple[Path, str]:
    """The file of the first source that gives it, and that source."""
    entry, record = WEIGHTS[name], read_record(name)
    downloads = cache_folder() / "downloads"
    failures = []
    for source in sources:
        try:
            path = fetch(
                source,
                downloads,
                sha256=entry.sha256,
                largest=entry.size_bytes or LARGEST,
                report=report,
                name=entry.file,
            )
        except InputError as error:
            failures.append(str(error))
            continue
        if record is None or not record.binds(source, published):
            return path, source
        if (found := sha256_of(path)) == record.sha256:
            return path, source
        if path.parent == downloads:
            path.unlink()
        failures.append(
            f"{source} is another file than was pulled first (SHA-256 {found}, not "
            f"{record.sha256}); delete {record_file(name)} if that is as it should be"
        )
    if len(failures) == 1:
        raise InputError(failures[0])
    raise InputError(f"none of {len(failures)} sources gives {name}: {'; '.join(failures)}")


def _write(file: WeightFile, out: Path) -> Converted:
    given = shapes_of(file.tensors)
    networks = tuple(name for name, differences in fits(given) if not len(differences))
    about = {"source": file.path.name, **file.about, "networks": list(networks)}
    about.setdefault("sha256", sha256_of(file.path))
    write_weights(out, file.tensors, about)
    return Converted(out, len(file.tensors), networks, about)
