"""``spectrack weights``: which learned weights there are; fetch, convert and verify them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from spectrack.commands.base import Command, Flag, choose, table
from spectrack.errors import InputError

if TYPE_CHECKING:
    from spectrack.commands.console import Console

ACTIONS = ("list", "pull", "convert", "verify", "export")


@dataclass(frozen=True, kw_only=True)
class WeightsCommand(Command):
    """List the weights known by name, and where each is: with the package, in the cache, or absent.

    `weights pull NAME` fetches some, `weights convert FILE` makes a safetensors file of a
    checkpoint, a TensorFlow Lite file or NanoTrack's ONNX graphs, `weights verify FILE` says which
    network a file fits, `weights export NAME` writes its network as ONNX graphs.
    Checkpoints are pickles; they are read by a restricted unpickler that executes nothing in them.
    The cache is SPECTRACK_CACHE, else spectrack in the user's cache folder; SPECTRACK_OFFLINE=1
    forbids the network.

    Example: spectrack weights list
    """

    action: Annotated[Positional[str], arg(metavar="ACTION")] = "list"
    """What to do: list, pull, convert, verify, export."""

    def run(self, console: Console) -> int:
        """Print the table of weights."""
        choose("ACTION", self.action, ACTIONS)
        from spectrack.weights.cache import cache_folder
        from spectrack.weights.drive import web_address
        from spectrack.weights.places import place_of, state_of
        from spectrack.weights.table import WEIGHTS

        rows, listed = [], []
        for name, entry in WEIGHTS.items():
            state = state_of(name)
            rows.append((name, state, entry.file, entry.description))
            listed.append(
                {
                    "name": name,
                    "state": state,
                    "path": None if state == "absent" else place_of(name),
                    "file": entry.file,
                    "description": entry.description,
                    "sources": [web_address(source) for source in entry.sources],
                    "sha256": entry.sha256,
                    "size_bytes": entry.size_bytes,
                    "licence": entry.licence,
                    "paper": entry.paper,
                    "figures": entry.figures,
                    "network": bool(entry.networks),
                }
            )
        about = "papers, licences and sources: spectrack weights list --json"
        console.result(
            {"weights": listed, "cache": cache_folder()},
            f"{table(rows)}\n\ncache: {cache_folder()}\n{about}",
        )
        return 0


@dataclass(frozen=True, kw_only=True)
class PullWeightsCommand(Command):
    """Fetch weights by name into the cache, where trackers find them, as safetensors.

    What was broken off is gone on with. They are kept only if they fit the network of that name.
    Where no hash is known, that of the first pull is recorded and later ones are checked against
    it. Of weights in a folder of a drive it says which file to get by a browser.

    Example: spectrack weights pull rts50 --from rts50.pth
    """

    action: Annotated[Positional[str], arg(metavar="ACTION")]
    """What to do: pull."""
    name: Annotated[Positional[str], arg(metavar="NAME")]
    """Which, see `spectrack weights list`."""
    source: Annotated[str | None, arg(name="from", metavar="URL|FILE")] = None
    """Where from; needed where the table knows no source that can be fetched."""
    overwrite: Flag = False
    """Fetch them anew where they are in the cache."""

    def run(self, console: Console) -> int:
        """Fetch, convert and say where they are."""
        from spectrack.weights.convert import pull
        from spectrack.weights.files import sha256_of
        from spectrack.weights.places import place_of
        from spectrack.weights.records import read_record
        from spectrack.weights.table import WEIGHTS

        entry = WEIGHTS[choose("weights", self.name, WEIGHTS)]
        there = place_of(self.name)
        if there.is_file() and (entry.asset or not self.overwrite):
            held = None if entry.asset else read_record(self.name)
            if held is not None and held.cached_sha256 != sha256_of(there):
                raise InputError(
                    f"{there} is another file than was pulled (SHA-256 {held.cached_sha256}); pass "
                    "--overwrite to fetch it anew"
                )
            why = "come with the package" if entry.asset else "are in the cache"
            values = {"name": self.name, "path": there, "pulled": False}
            console.result(values, f"{self.name} {why}: {there}")
            return 0
        with console.progress(f"pulling {self.name}", "MiB") as progress:
            made = pull(self.name, self.source, progress)
        record = read_record(self.name)
        if entry.sha256 is None and record is not None:
            console.remark(f"no SHA-256 of {entry.file} is published; {record.sha256} is recorded")
        if not entry.networks:
            console.remark(f"there is no network for {self.name} yet, so it was not verified")
        values = {"name": self.name, "path": made.path, "pulled": True, "about": made.about}
        console.result(values, f"{self.name}: {made.tensors} tensors in {made.path}")
        return 0


@dataclass(frozen=True, kw_only=True)
class ConvertWeightsCommand(Command):
    """Make a safetensors file of a checkpoint of torch.save, a TensorFlow Lite file or ONNX graphs.

    Nothing in it is executed. A checkpoint holds a net, as those of pytracking do, or is a state
    dict. Its constructor's arguments are printed, and kept in the file with its name, SHA-256 and
    network. Of a TensorFlow Lite file it is the backbone, MobileNetV2, whose weights of 8 bits
    become the real numbers they stand for. NanoTrack's ONNX graphs are two: give either, with the
    other beside it under the same name but for the words backbone and head.

    Example: spectrack weights convert rts50.pth --out rts50.safetensors
    """

    action: Annotated[Positional[str], arg(metavar="ACTION")]
    """What to do: convert."""
    file: Annotated[Positional[Path], arg(metavar="FILE")]
    """The checkpoint, the TensorFlow Lite file, either ONNX graph of two, or a safetensors file."""
    out: Annotated[Path, arg(metavar="FILE")]
    """The safetensors file to write."""
    overwrite: Flag = False
    """Replace it where it is there."""

    def run(self, console: Console) -> int:
        """Convert and say what it is."""
        from spectrack.weights.convert import convert

        if self.out.suffix != ".safetensors":
            raise InputError(f"--out {self.out} was given; give a name that ends in .safetensors")
        if self.out.is_dir() or (self.out.exists() and not self.overwrite):
            raise InputError(f"{self.out} is there; pass --overwrite to replace it")
        made = convert(self.file, self.out)
        lines = [f"{made.path}: {made.tensors} tensors", _networks(made.networks)]
        constructor = made.about.get("constructor")
        if isinstance(constructor, dict):
            lines.append(f"made by {constructor['function']}")
            lines += _arguments(constructor)
        values = {
            "path": made.path,
            "tensors": made.tensors,
            "networks": made.networks,
            "about": made.about,
        }
        console.result(values, "\n".join(lines))
        return 0


@dataclass(frozen=True, kw_only=True)
class VerifyWeightsCommand(Command):
    """Say which network a file of weights fits, by the names and shapes of its tensors.

    A file that says itself what network it is of (those of `train rts --small`) is compared with
    that one, too.

    The exit status is 1 where it fits none, or not the one asked for.

    Example: spectrack weights verify rts50.pth
    """

    action: Annotated[Positional[str], arg(metavar="ACTION")]
    """What to do: verify."""
    file: Annotated[Positional[str], arg(metavar="FILE")]
    """The file, or a name of `spectrack weights list`."""
    network: Annotated[str | None, arg(metavar="NAME")] = None
    """Compare with this one alone; the nearest where left out."""

    def run(self, console: Console) -> int:
        """Compare and say what differs."""
        from spectrack.weights.cache import cached
        from spectrack.weights.described import compare_described
        from spectrack.weights.files import read_weights, sha256_of
        from spectrack.weights.load import find_weights
        from spectrack.weights.matching import shapes_of, some
        from spectrack.weights.records import read_record
        from spectrack.weights.table import WEIGHTS, fits

        path = find_weights(self.file)
        if self.network is not None:
            choose("weights", self.network, WEIGHTS)
        file = read_weights(path)
        given = shapes_of(file.tensors)
        found = [f for f in fits(given) if self.network in (None, f[0])]
        own = compare_described(file) if self.network is None else None
        if own is not None:
            found.insert(0, own)
        if not found:
            raise InputError(f"there is no network for {self.network} yet; leave --network out")
        fitting = tuple(name for name, differences in found if not len(differences))
        sick = [n for n, t in file.tensors.items() if not bool(t.isfinite().all())]
        name, differences = found[0]
        digest = sha256_of(path)
        record = read_record(self.file) if path == cached(self.file) else None
        changed = record is not None and record.cached_sha256 != digest
        known = next(
            (n for n, e in WEIGHTS.items() if e.sha256 and digest.startswith(e.sha256)), None
        )
        values = {
            "path": path,
            "form": file.form,
            "tensors": len(given),
            "sha256": digest,
            "published_as": known,
            "fits": fitting,
            "nearest": name,
            "missing": differences.missing,
            "extra": differences.extra,
            "reshaped": differences.reshaped,
            "not_finite": sick,
            "changed": changed,
            "about": file.about,
        }
        lines = [f"{path}: {len(given)} tensors, SHA-256 {digest}"]
        lines.append(
            _networks(fitting) if fitting else f"does not fit {name}: {differences.text()}"
        )
        if not fitting and self.network is None and own is None:
            without = [n for n, e in WEIGHTS.items() if not e.networks]
            lines.append(f"no network is there yet for {some(without)}")
        if sick:
            lines.append(f"{len(sick)} tensors hold numbers that are not finite, {sick[0]} first")
        if record is not None and changed:
            lines.append(f"is another file than was pulled (SHA-256 {record.cached_sha256})")
        console.result(values, "\n".join(lines))
        return 0 if fitting and not sick and not changed else 1


def _networks(names: tuple[str, ...]) -> str:
    return f"fits {', '.join(names)}" if names else "fits no network of the table"


def _arguments(constructor: dict[str, Any]) -> list[str]:
    """One line for each argument a network was built with."""
    kwds = constructor.get("kwds")
    named = kwds if isinstance(kwds, dict) else {}
    lines = [f"  {name} = {json.dumps(value)}" for name, value in named.items()]
    args = constructor.get("args")
    return [f"  {json.dumps(value)}" for value in args or []] + lines
