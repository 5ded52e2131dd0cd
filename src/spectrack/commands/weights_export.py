"""``spectrack weights export``: networks as ONNX graphs, checked against torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from spectrack.commands.base import Command, Flag, choose, table
from spectrack.errors import InputError

if TYPE_CHECKING:
    from spectrack.commands.console import Console

FORMATS = ("onnx",)


@dataclass(frozen=True, kw_only=True)
class ExportWeightsCommand(Command):
    """Write a network as ONNX graphs for runtimes other than torch, a file for each function.

    Sizes that may vary stay free in the files; each is run by ONNX Runtime at two sizes and
    compared with torch before it counts as written. `sfseg` and `guided` are the steps of the
    spectral filters, which have no weights. Needs the extra onnx.

    Example: spectrack weights export mask_in_box --out graphs
    """

    action: Annotated[Positional[str], arg(metavar="ACTION")]
    """What to do: export."""
    name: Annotated[Positional[str], arg(metavar="NAME|FILE")]
    """A name of `spectrack weights list`, a file of weights, sfseg, or guided."""
    out: Annotated[Path, arg(metavar="DIR")]
    """The folder to write NAME_FUNCTION.onnx into."""
    format: Annotated[str, arg(metavar="FORMAT")] = "onnx"
    """The format; onnx is the only one."""
    overwrite: Flag = False
    """Replace files that are there."""

    def run(self, console: Console) -> int:
        """Write the graphs and say what each takes and gives."""
        choose("--format", self.format, FORMATS)
        from spectrack.runtimes.export import write_graph
        from spectrack.runtimes.session import require
        from spectrack.runtimes.table import WITHOUT_WEIGHTS, graphs_of, load_function
        from spectrack.storage import explained

        for package in ("onnx", "onnxscript", "onnxruntime"):
            require(package)
        notes = {"made_by": "spectrack", "network": self.name}
        if self.name in WITHOUT_WEIGHTS:
            network = load_function(WITHOUT_WEIGHTS[self.name])()
        else:
            from torch import nn

            from spectrack.weights.files import sha256_of
            from spectrack.weights.load import find_weights
            from spectrack.weights.networks import load_network
            from spectrack.weights.table import WEIGHTS

            notes["weights_sha256"] = sha256_of(find_weights(self.name))
            if self.name in WEIGHTS:
                notes["licence"] = WEIGHTS[self.name].licence
            network = load_network(self.name, nn.Module).network
        pairs = graphs_of(network)
        stem = Path(self.name).stem
        paths = [self.out / f"{stem}_{graph.name}.onnx" for _, graph in pairs]
        there = next((path for path in paths if path.exists()), None)
        if there is not None and (there.is_dir() or not self.overwrite):
            raise InputError(f"{there} is there; pass --overwrite to replace it")
        with explained(self.out, named=True):
            self.out.mkdir(parents=True, exist_ok=True)
        rows, listed = [], []
        with console.progress(f"writing {self.name}", "graphs") as progress:
            for number, (path, (ready, graph)) in enumerate(zip(paths, pairs, strict=True)):
                inputs = {name: one.words() for name, one in graph.inputs.items()}
                axes = {"inputs": json.dumps(inputs), "outputs": json.dumps(graph.outputs)}
                written = write_graph(path, ready, graph, notes | axes)
                progress(number + 1, len(paths))
                takes = ", ".join(f"{n} ({', '.join(axes)})" for n, axes in inputs.items())
                gives = ", ".join(graph.outputs)
                rows.append((path.name, f"{written.difference:.1e}", f"{takes} -> {gives}"))
                listed.append(
                    {
                        "path": path,
                        "bytes": written.bytes,
                        "difference": written.difference,
                        "inputs": inputs,
                        "outputs": graph.outputs,
                    }
                )
        about = "the numbers: the largest difference from torch, in shares of the greatest value"
        console.result({"graphs": listed, "format": self.format}, f"{table(rows)}\n\n{about}")
        return 0
