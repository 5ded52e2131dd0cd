"""``spectrack trackers``: what there is to follow with."""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from spectrack.commands.base import Command, choose, table

if TYPE_CHECKING:
    from spectrack.commands.console import Console
    from spectrack.tracking.table import TrackerEntry

NONE_NEEDED = "none needed"
STATES = ("absent", "cached", "shipped")
"""What one says of several weights: the first of these that holds for any."""
LEGEND = (
    "where weights are | their terms, or the code's | frames a second on one core at 480p: fast "
    "over 30, medium from 5 on, slow\n"
    "get absent weights: spectrack weights pull NAME; all terms, settings: spectrack trackers NAME"
)


@dataclass(frozen=True, kw_only=True)
class TrackersCommand(Command):
    """List the trackers: masks or boxes, where their weights are, on what terms, and how fast.

    With a name it shows that tracker's terms in full, and its settings.
    """

    name: Annotated[Positional[str | None], arg(metavar="NAME")] = None
    """Show the settings of this tracker, as `--set NAME=VALUE` takes them."""

    def run(self, console: Console) -> int:
        """Print the table of trackers, or of the settings of one."""
        from spectrack.tracking.table import tracker_table

        if self.name is not None:
            return self._settings(choose("tracker", self.name, tracker_table()), console)
        listed = [about(name, entry) for name, entry in tracker_table().items()]
        rows = [
            (
                row["name"],
                row["gives"],
                row["state"],
                " + ".join(dict.fromkeys(re.split("[:;,]", terms)[0] for terms in row["licences"])),
                row["speed"] or "not measured",
                row["description"],
            )
            for row in listed
        ]
        console.result({"trackers": listed}, f"{table(rows)}\n\n{LEGEND}")
        return 0

    def _settings(self, name: str, console: Console) -> int:
        from spectrack.tracking.table import tracker_table

        entry = tracker_table()[name]
        defaults = {
            field.name: entry.usual.get(
                field.name, "needed" if field.default is MISSING else field.default
            )
            for field in fields(entry.settings)
            if field.name not in entry.defaults
        }
        told = about(name, entry)
        lines = [
            f"{name}: {entry.description}",
            f"gives: {entry.gives}",
            f"speed: {entry.speed or 'not measured'}",
            *(
                f"weights: {row['name']}, {row['state']}; terms: {row['licence']}"
                for row in told["weights"]
            ),
        ]
        if not told["weights"]:
            lines.append(f"weights: {NONE_NEEDED}; terms: {told['licences'][0]}")
        parts = ["\n".join(lines), settings_text(entry.settings), table(defaults.items())]
        console.result({**told, "settings": defaults}, "\n\n".join(p for p in parts if p))
        return 0


def settings_text(kind: type[Any]) -> str:
    """What the docstring of a tracker's settings says, without marks that are for pages."""
    text = inspect.getdoc(kind) or ""
    parts = [part for part in text.split("\n\n") if not part.startswith("Raises:")]
    plain = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"\1", "\n\n".join(parts)).replace("``", "")
    return re.sub(r"^(Args|Attributes):", "Settings:", plain, flags=re.MULTILINE)


def about(name: str, entry: TrackerEntry) -> dict[str, Any]:
    """What the list says of a tracker.

    Returns:
        ``state`` of all its weights together (``absent``, ``cached``, ``shipped`` or ``none
        needed``), ``weights`` one by one, ``licences`` in full, ``speed`` or None, and so on.
    """
    from spectrack.weights.places import state_of
    from spectrack.weights.table import WEIGHTS

    weights = [
        {"name": known, "state": state_of(known), "licence": WEIGHTS[known].licence}
        for known in entry.weights
        if known in WEIGHTS  # another package's row may name what our table does not have
    ]
    states = {row["state"] for row in weights}
    ours = entry.target.startswith("spectrack.")
    code = "Apache-2.0" if ours else "those of the package it is from"
    return {
        "name": name,
        "gives": entry.gives,
        "description": entry.description,
        "state": next((state for state in STATES if state in states), NONE_NEEDED),
        "weights": weights,
        "licences": list(dict.fromkeys(row["licence"] for row in weights)) or [code],
        "speed": entry.speed,
    }
