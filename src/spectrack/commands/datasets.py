"""``spectrack datasets``: what there is to evaluate on, and where each keeps its files."""

from __future__ import annotations

import ast
import inspect
import sys
from dataclasses import dataclass, fields
from textwrap import dedent
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from tyro.conf import Positional, arg

from spectrack.commands.base import Command, choose, table

if TYPE_CHECKING:
    from spectrack.commands.console import Console


@dataclass(frozen=True, kw_only=True)
class DatasetsCommand(Command):
    """List the data sets, with those of other packages, or the folders and options of one."""

    name: Annotated[Positional[str | None], arg(metavar="NAME")] = None
    """Show what folders this data set has, and its options for `evaluate --set-data NAME=VALUE`."""

    def run(self, console: Console) -> int:
        """Print the table of data sets, or what is known of one."""
        from spectrack.datasets import DATASETS
        from spectrack.datasets.table import offered

        if self.name is not None:
            return self._options(choose("data set", self.name, DATASETS), console)
        rows = [(name, entry.description) for name, entry in offered()]
        listed = [dict(zip(("name", "description"), row, strict=True)) for row in rows]
        console.result({"datasets": listed}, table(rows))
        return 0

    def _options(self, name: str, console: Console) -> int:
        from spectrack.datasets import DATASETS
        from spectrack.settings import expected

        entry = DATASETS[name]
        data_set = entry.load()
        kind, layout = data_set.Options, layout_of(data_set)
        told, hints = texts_of(kind), get_type_hints(kind)
        options = [
            {
                "name": field.name,
                "default": field.default,
                "takes": expected(hints[field.name]),
                "description": told.get(field.name, ""),
            }
            for field in fields(kind)
        ]
        values = {
            "name": name,
            "description": entry.description,
            "protocol": data_set.protocol,
            "layout": layout,
            "options": options,
        }
        rows = [("option", "default", "takes", "what"), *(tuple(o.values()) for o in options)]
        text = table(rows) if options else "no options"
        parts = [entry.description, layout, f"Scored as {data_set.protocol} does.", text]
        console.result(values, "\n\n".join(part for part in parts if part))
        return 0


def layout_of(data_set: type[Any]) -> str:
    """What the module of a data set says of its folders; empty where it says nothing."""
    text = inspect.getdoc(sys.modules[data_set.__module__]) or ""
    told = [part for part in text.split("\n\n") if part.startswith("Layout: ")]
    return " ".join(" ".join(told).replace("``", "").split())


def texts_of(kind: type[Any]) -> dict[str, str]:
    """The string under each field of a dataclass; empty where the source is not at hand."""
    try:
        tree = ast.parse(dedent(inspect.getsource(kind))).body[0]
    except (OSError, TypeError, SyntaxError):
        return {}
    assert isinstance(tree, ast.ClassDef)
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in zip(tree.body, tree.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
