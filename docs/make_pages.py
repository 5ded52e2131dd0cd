"""Write the pages that are made from the code: ``python docs/make_pages.py`` (``make docs``).

``reference/cli.md`` comes from the commands, the list of rooms in ``architecture.md`` from the
first line of every module. A test compares both with what this makes, so they cannot go stale.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from dataclasses import MISSING, fields
from pathlib import Path
from textwrap import dedent
from typing import Any

from spectrack.cli import COMMANDS, VARIANTS, command_class
from spectrack.commands.base import Command
from spectrack.training.recipes import RECIPES

DOCS = Path(__file__).resolve().parent
PACKAGE = DOCS.parent / "src" / "spectrack"
START, END = "<!-- rooms -->", "<!-- /rooms -->"
INTRO = """# The command line

Made by `docs/make_pages.py` from the commands themselves; `spectrack COMMAND --help` says
the same.

Every command takes `--json` (one JSON object on standard output and nothing else) and `--quiet` (no
progress); both may stand before the command too.

| exit status | meaning |
|---|---|
| 0 | done |
| 1 | `doctor` found something missing, `weights verify` that nothing fits, `submit --check` \
something wrong with a pack, or `live` lost its source for good |
| 2 | bad input, told in one sentence on standard error |
| 130, 143 | stopped by Ctrl-C or `kill` |

Whatever the status, files are closed cleanly and nothing is left half-written. What `refine` and
`evaluate` finished of a folder of sequences is kept, and the next run goes on from there.
"""


def pages() -> dict[Path, str]:
    """Every page this makes, with its text."""
    architecture = DOCS / "architecture.md"
    before, rest = architecture.read_text().split(START)
    after = rest.split(END)[1]
    return {
        DOCS / "reference" / "cli.md": reference(),
        architecture: f"{before}{START}\n{rooms()}\n{END}{after}",
    }


def rooms() -> str:
    """The modules with the first line of what they say of themselves, folder by folder."""
    lines = []
    for folder in [PACKAGE, *sorted(p for p in PACKAGE.rglob("*") if p.is_dir())]:
        modules = sorted(folder.glob("*.py"))
        if not modules:
            continue
        name = folder.relative_to(PACKAGE.parent)
        lines += ["", f"**{name}/** {first_line(folder / '__init__.py')}".rstrip(), ""]
        lines += ["| module | what |", "|---|---|"]
        lines += [
            f"| `{m.name}` | {first_line(m)} |" for m in modules if not m.name.startswith("__init")
        ]
    return "\n".join(lines)


def first_line(module: Path) -> str:
    """First sentence of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(module.read_text())) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("``", "`").replace("|", "\\|")


def reference() -> str:
    """The page of the command line."""
    parts = [INTRO]
    for name in COMMANDS:
        cls = command_class(name)
        parts.append(section(name, cls))
        variants = RECIPES if name == "train" else [s for c, s in VARIANTS if c == name]
        for second in variants:
            parts.append(section(f"{name} {second}", command_class(name, second)))
    return "\n".join(parts)


def section(name: str, cls: type) -> str:
    """One command: what it does, and a table of its arguments."""
    text = inspect.getdoc(cls) or ""
    about = [" ".join(part.split()) for part in text.split("\n\n")]
    about = [f"`{p.removeprefix('Example: ')}`" if p.startswith("Example:") else p for p in about]
    lines = [f"## {name}", "", "\n\n".join(about), ""]
    shared = {field.name for field in fields(Command)}
    rows = [row(field, cls, helps(cls)) for field in fields(cls) if field.name not in shared]
    if rows:
        lines += ["| argument | default | what |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def row(field: Any, cls: type, told: dict[str, str]) -> str:
    """One line of the table."""
    annotation = str(field.type)
    given = re.search(r"metavar=(?:['\"](.+?)['\"]|(\w+))", annotation)
    known = {"OptionalFolder": "DIR", "OptionalFile": "FILE", "OptionalCount": "N"}
    metavar = known.get(annotation, "")
    if given:  # in its place, or by the name of a constant beside the command
        own = next(c for c in cls.__mro__ if field.name in vars(c).get("__annotations__", {}))
        metavar = given[1] or getattr(sys.modules[own.__module__], given[2])
    called = re.search(r"\bname=['\"](.+?)['\"]", annotation)
    flag = "--" + (called[1] if called else field.name.replace("_", "-"))
    shown = metavar if "Positional" in annotation else f"{flag} {metavar}".strip()
    if field.default is MISSING:
        default = "needed"
    elif any(field.default is empty for empty in (None, False)) or field.default == ():
        default = ""
    else:
        default = f"`{field.default}`"
    shown = shown.replace("|", "\\|")  # a bar ends the cell, even in code
    return f"| `{shown}` | {default} | {told[field.name]} |"


def helps(cls: type) -> dict[str, str]:
    """The string under each field of a command, those of its bases too."""
    told = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("spectrack.") and "__annotations__" in vars(base):
            told |= _own_helps(base)
    return told


def _own_helps(cls: type) -> dict[str, str]:
    body = ast.parse(dedent(inspect.getsource(cls))).body[0]
    assert isinstance(body, ast.ClassDef)
    told = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            if not (isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)):
                continue  # a constant of the class
            told[field.target.id] = " ".join(str(text.value.value).split())
    return told


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
        print(f"wrote {path}")
