"""``spectrack evaluate``."""

from __future__ import annotations

from dataclasses import dataclass

from spectrack.commands.base import Command


@dataclass(frozen=True, kw_only=True)
class EvaluateCommand(Command):
    """Not built yet."""
