"""What a segmentation network remembers of its target: the first frame, the last, some between."""

from __future__ import annotations

from collections import deque

from spectrack.networks.mask_in_box import Memory


class TargetMemory:
    """Frames with known masks, as the network left them; bounded whatever the video's length.

    The first frame stays for good, of later ones every so many are kept, the oldest leaving.

    Args:
        most: Frames besides the first.
        every: Frames between two that are kept; the newest is there until the next one comes.
    """

    def __init__(self, most: int = 4, every: int = 5) -> None:
        self._most, self._every = most, every
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._first: Memory | None = None
        self._kept: deque[Memory] = deque(maxlen=max(self._most - 1, 0))
        self._newest: Memory | None = None
        self._since = 0
        self._all: Memory | None = None

    def add(self, memory: Memory) -> None:
        """Remember another frame."""
        self._all = None
        if self._first is None:
            self._first = memory
            return
        if not self._most:
            return
        if self._newest is not None:
            self._since += 1
            if self._since >= self._every:
                self._kept.append(self._newest)
                self._since = 0
        self._newest = memory

    @property
    def all(self) -> Memory | None:
        """Everything remembered; None before the first frame."""
        if self._all is None and self._first is not None:
            newest = () if self._newest is None else (self._newest,)
            self._all = Memory.of(self._first, *self._kept, *newest)
        return self._all
