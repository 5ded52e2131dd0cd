"""The entry of a tracker in ``trackers.ini`` of a workspace of VOT's toolkit."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence


def tracker_entry(tracker: str, flags: Sequence[str] = (), label: str | None = None) -> str:
    """A section of ``trackers.ini``.

    The toolkit starts the command in a process of its own and talks TraX with it.

    Args:
        tracker: Name of a tracker of ours.
        flags: More words of ``spectrack vot``, such as ``--set`` and its value.
        label: What reports call it; ``spectrack NAME`` where left out.

    Returns:
        The section's lines, each ended.
    """
    # The toolkit splits the command as a shell does.
    command = [sys.executable, "-m", "spectrack", "vot", tracker, *flags]
    lines = [
        f"[{identifier(tracker)}]",
        f"label = {_one_line(label or f'spectrack {tracker}')}",
        "protocol = trax",
        f"command = {shlex.join(_one_line(word) for word in command)}",
    ]
    return "\n".join(lines) + "\n"


def identifier(tracker: str) -> str:
    """What the toolkit knows a tracker by: letters, numbers, ``-`` and ``_`` only."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", tracker.replace("+", "p"))
    return f"spectrack-{plain}"


def _one_line(text: str) -> str:
    return " ".join(text.split("\n")).replace("\r", " ")
