"""``spectrack trackers``: what there is to follow with."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from spectrack.commands.base import Command, choose, table

if TYPE_CHECKING:
    from spectrack.commands.console import Console


@dataclass(frozen=True, kw_only=True)
class TrackersCommand(Command):
    """List the trackers and what each gives, or the settings of one."""

    name: Annotated[Positional[str | None], arg(metavar="NAME")] = None
    """Show the settings of this tracker, as `--set NAME=VALUE` takes them."""

    def run(self, console: Console) -> int:
        """Print the table of trackers, or of the settings of one."""
        from spectrack.tracking.table import tracker_table

        if self.name is not None:
            return self._settings(choose("tracker", self.name, tracker_table()), console)
        rows = [(name, entry.gives, entry.description) for name, entry in tracker_table().items()]
        listed = [dict(zip(("name", "gives", "description"), row, strict=True)) for row in rows]
        console.result({"trackers": listed}, table(rows))
        return 0

    def _settings(self, name: str, console: Console) -> int:
        from spectrack.tracking.table import tracker_table

        entry = tracker_table()[name]
        defaults = {
            field.name: entry.defaults.get(field.name, "needed")
            if field.default is MISSING
            else field.default
            for field in fields(entry.settings)
            if field.name not in entry.defaults
        }
        about = inspect.getdoc(entry.settings) or ""
        values = {"name": name, "description": entry.description, "settings": defaults}
        console.result(values, f"{about}\n\n{table(defaults.items())}" if defaults else about)
        return 0
