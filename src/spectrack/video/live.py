"""The newest frame of a live source, however slow whoever takes them is; older ones are dropped.

A thread of its own reads the source as fast as it sends, so nothing queues up in pipes, sockets and
cameras, and keeps one frame. Whoever is ready for the next takes the newest one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from spectrack.errors import InputError
from spectrack.structures import FrameHWC
from spectrack.video.live_sources import LiveSource

LEAP_S = 10.0
"""A stamp that is this far from what is expected begins a new count."""
LONGEST_PAUSE_S = 30.0
"""Between two tries to open a source again."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """A frame of a live source.

    Attributes:
        number: Of the frame in the stream, from 0, dropped ones counted.
        time_s: Seconds since the first frame, by the stamps of the stream where it has some.
        due_s: By the clock of this machine: when it would have come with no more delay than any
            frame before it.
        rgb: Makes uint8 RGB (H, W, 3) of it.
    """

    number: int
    time_s: float
    due_s: float
    rgb: Callable[[], FrameHWC]


class StreamClock:
    """From the stamps of a stream to times: since the first frame, and by the clock of the machine.

    The least delay seen is taken for none, as nobody can know more. Clocks that run apart, some
    tenths of a second in an hour, count as delay.
    """

    def __init__(self) -> None:
        self._zero_s = self._least_s = self._last_s = 0.0
        self._seen_s = 0.0
        self._begun = self._anew = False

    def reopen(self) -> None:
        """The stream was opened again: its stamps have another beginning."""
        self._anew = True

    def place(self, stamp_s: float | None, now_s: float) -> tuple[float, float]:
        """Time since the first frame and time when the frame was due, of the next frame.

        Args:
            stamp_s: Of the frame; None where there is none: then it is due when it comes.
            now_s: When it came.
        """
        stamp = now_s if stamp_s is None else stamp_s
        offset = now_s - stamp
        if not self._begun:
            self._begun, self._zero_s, self._least_s = True, stamp, offset
        time_s = stamp - self._zero_s
        if self._anew or not -1e-6 <= time_s - self._last_s <= LEAP_S:
            time_s = self._last_s + now_s - self._seen_s
            self._zero_s, self._least_s, self._anew = stamp - time_s, offset, False
        self._least_s = min(self._least_s, offset)
        self._last_s, self._seen_s = time_s, now_s
        return time_s, stamp + self._least_s


class LiveReader:
    """Reads a live source in a thread; see the module's text.

    Args:
        source: Opened in the thread.
        retries: How often in a row a source that was lost is opened again, where it may return.
        pause_s: Before the first of them; twice as long before each further one.
        clock: Seconds, monotonic.

    Attributes:
        arrived: Frames that have come.
        reconnected: How often the source was lost and came back.
        lost: Why there are no more frames, where the source did not just end.
    """

    def __init__(
        self,
        source: LiveSource,
        retries: int = 5,
        pause_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.arrived = self.reconnected = 0
        self.lost: str | None = None
        self.source = source
        self._retries, self._pause_s, self._clock = retries, pause_s, clock
        self._times = StreamClock()
        self._first: Arrival | None = None
        self._newest: Arrival | None = None
        self._over, self._stop = False, threading.Event()
        self._changed = threading.Condition()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="live reader", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading; a source that is silent holds its thread until the program ends."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout=1.0)

    def take(self) -> Arrival | None:
        """Wait for a frame that was not taken yet, the newest; the very first one is never dropped.

        Returns:
            None where the source is over, see :attr:`lost`.

        Raises:
            InputError: If it never gave a frame.
        """
        with self._changed:
            while self._newest is None and not self._over and not self._stop.is_set():
                self._changed.wait()
            if self._error is not None:
                raise self._error
            if self._newest is None or self._stop.is_set():
                if self._over and not self.arrived:
                    why = self.lost or f"{self.source.shown} gave no frame; give a source that does"
                    raise InputError(why)
                return None
            first, self._first = self._first, None
            if first is not None:
                if first is self._newest:
                    self._newest = None
                return first
            newest, self._newest = self._newest, None
            return newest

    def wait_for(self, arrived: int) -> None:
        """Wait until so many frames have come, or there are no more."""
        with self._changed:
            self._changed.wait_for(lambda: self.arrived >= arrived or self._over)

    def _run(self) -> None:
        try:
            self._read_on()
        except Exception as error:
            self._error = error
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def _read_on(self) -> None:
        left, pause = self._retries, self._pause_s
        while not self._stop.is_set():
            before, again = self.arrived, self.arrived > 0
            why = f"{self.source.shown} ended"
            try:
                for picture in self.source.pictures(self._stop):
                    if again and self.arrived == before:
                        self.reconnected += 1
                        self._times.reopen()
                    self._put(picture.stamp_s, picture.rgb)
                if not self.source.returns:
                    return
            except InputError as error:
                why = str(error)
                if not self.source.returns:
                    self.lost = why
                    return
            if self.arrived > before:
                left, pause = self._retries, self._pause_s
            if left == 0 or not self.arrived:  # what never was there is not waited for
                self.lost = why
                return
            left -= 1
            self._stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _put(self, stamp_s: float | None, rgb: Callable[[], FrameHWC]) -> None:
        time_s, due_s = self._times.place(stamp_s, self._clock())
        with self._changed:
            self._newest = Arrival(self.arrived, time_s, due_s, rgb)
            if self.arrived == 0:
                self._first = self._newest
            self.arrived += 1
            self._changed.notify_all()
