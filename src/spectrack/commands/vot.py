"""``spectrack vot``: a tracker for the toolkit of the VOT challenge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from spectrack.commands.base import Command, Flag, Repeated, choose
from spectrack.errors import InputError

if TYPE_CHECKING:
    from spectrack.commands.console import Console


@dataclass(frozen=True, kw_only=True)
class VotCommand(Command):
    """Let the toolkit of VOT drive a tracker, by the TraX protocol (needs the extra `vot`).

    The toolkit starts this command itself; what it needs for that is written by --entry:

    spectrack vot kcf --entry >> WORKSPACE/trackers.ini

    It may give rectangles, polygons and masks, and several objects, later ones too. Box trackers
    answer with rectangles and mask trackers with masks, unless --region says otherwise.
    """

    tracker: Annotated[Positional[str], arg(metavar="TRACKER")]
    """Which tracker; see `spectrack trackers`."""
    set: Annotated[Repeated, arg(metavar="NAME=VALUE")] = ()
    """A setting of the tracker. Repeat for more."""
    region: Annotated[str | None, arg(metavar="KIND")] = None
    """What it answers with: rectangle, polygon or mask."""
    timeout: Annotated[float | None, arg(metavar="SECONDS")] = None
    """Give up where the toolkit says nothing for so long; wait for ever where left out."""
    entry: Flag = False
    """Print the tracker's section of trackers.ini, and do nothing else."""
    label: Annotated[str | None, arg(metavar="TEXT")] = None
    """What reports of the toolkit call it."""

    def run(self, console: Console) -> int:
        """Print the entry, or answer the toolkit until it leaves."""
        from spectrack.evaluation.clients.trax_session import KINDS, Session
        from spectrack.settings import split_pairs
        from spectrack.tracking.table import make_tracker, settings_of, tracker_table

        choose("tracker", self.tracker, tracker_table())
        if self.region is not None:
            choose("region", self.region, KINDS)
        if self.timeout is not None and not self.timeout > 0:
            raise InputError(f"--timeout {self.timeout:g} was given; expected seconds above 0")
        words = split_pairs(self.set)
        settings_of(self.tracker, **words)  # a wrong setting is told before the toolkit waits
        if self.entry:
            from spectrack.evaluation.clients.entry import identifier, tracker_entry

            text = tracker_entry(self.tracker, self._flags(), self.label)
            console.result({"identifier": identifier(self.tracker), "entry": text}, text)
            return 0
        masks = tracker_table()[self.tracker].gives == "masks"
        session = Session(
            lambda: make_tracker(self.tracker, **words),
            self.region or ("mask" if masks else "rectangle"),
            KINDS if masks else KINDS[:2],
            self.tracker,
            tracker_table()[self.tracker].description,
            self.timeout,
        )
        frames = session.run()
        console.remark(f"{frames} frames answered")
        return 0

    def _flags(self) -> list[str]:
        """The flags of this command that the toolkit has to give again."""
        flags = [word for pair in self.set for word in ("--set", pair)]
        flags += ["--region", self.region] if self.region is not None else []
        return flags + ([] if self.timeout is None else ["--timeout", f"{self.timeout:g}"])
