"""``spectrack demo``."""

from __future__ import annotations

from dataclasses import dataclass

from spectrack.commands.base import Command


@dataclass(frozen=True, kw_only=True)
class DemoCommand(Command):
    """Not built yet."""
