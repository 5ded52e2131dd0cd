"""Ctrl-C at a moment when nothing is half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """Holds the first Ctrl-C back until the run asks for it; a second one stops at once.

    Args:
        pressed: Whether the first one came.
        torn: Whether a second one stopped the run in the middle of a step.
    """

    def __init__(self) -> None:
        self.pressed = False
        self.torn = False
        self._held = True

    def _press(self, number: int, frame: FrameType | None) -> None:
        if self._held and not self.pressed:
            self.pressed = True
            return
        self.torn = self._held
        raise KeyboardInterrupt

    @contextmanager
    def watched(self, *others: signal.Signals) -> Iterator[None]:
        """Catch Ctrl-C here; only the main thread can, others leave it as it is.

        Args:
            others: Signals that count as it does.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self._press) for one in (signal.SIGINT, *others)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Within this, nothing is half done and Ctrl-C stops at once."""
        self._held = False
        try:
            if self.pressed:
                raise KeyboardInterrupt
            yield
        finally:
            self._held = True
