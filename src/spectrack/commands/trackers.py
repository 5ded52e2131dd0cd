"""``spectrack trackers``: what there is to follow with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spectrack.commands.base import Command, table

if TYPE_CHECKING:
    from spectrack.progress import Console


@dataclass(frozen=True, kw_only=True)
class TrackersCommand(Command):
    """List the trackers and what each gives."""

    def run(self, console: Console) -> int:
        """Print the table of trackers."""
        from spectrack.trackers.base import TRACKERS

        rows = [(name, entry.gives, entry.description) for name, entry in TRACKERS.items()]
        listed = [dict(zip(("name", "gives", "description"), row, strict=True)) for row in rows]
        console.result({"trackers": listed}, table(rows))
        return 0
