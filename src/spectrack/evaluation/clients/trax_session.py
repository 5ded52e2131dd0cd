"""A tracker at the service of VOT's toolkit, by the TraX protocol (Čehovin, 2017).

In the protocol's words we are the *server*, which waits for requests, and the toolkit that started
this process is the *client*. It talks over standard input and output, or over the socket that the
environment names. It gives objects in a first frame, and in later ones as well; each object has a
tracker of its own, and the answers come back in the order in which the objects came.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from spectrack.errors import InputError
from spectrack.structures import FrameHWC, Prediction
from spectrack.tracking.base import Tracker

KINDS = ("rectangle", "polygon", "mask")
"""Kinds of regions that objects are given and answered as."""
HUNG = 2
"""Exit status of the process where the client was waited for in vain."""


class Session:
    """Answers one client until it leaves.

    Args:
        make: Makes a fresh tracker; called for every object, trackers are used again after a new
            start.
        kind: Kind of region to answer with, one of :data:`KINDS`.
        takes: Kinds of regions that the client may give; it turns others into one of these.
        name: Of the tracker.
        description: Of the tracker, one line.
        timeout_s: Seconds to wait for a request; for ever where left out.

    Raises:
        InputError: If the package ``trax`` is not installed or no session can be begun.
    """

    def __init__(
        self,
        make: Callable[[], Tracker],
        kind: str,
        takes: Sequence[str] = KINDS,
        name: str = "spectrack",
        description: str = "",
        timeout_s: float | None = None,
    ) -> None:
        self._values: Any = _values()
        self._make, self._kind, self._timeout_s = make, kind, timeout_s
        self._spare: list[Tracker] = []
        self._trackers: list[Tracker] = []
        self._error: Any = self._values.TraxException
        try:
            with self._waiting():
                self._server: Any = self._values.Server(
                    list(takes),
                    list(self._values.FORMATS),
                    ["color"],
                    name,
                    description,
                    "spectrack",
                    multiobject=True,
                )
        except self._error as error:
            raise InputError(
                f"no TraX session could be begun ({error}); this command is started by a toolkit, "
                "see spectrack vot --help"
            ) from error

    def run(self) -> int:
        """Answer requests until the client quits.

        Returns:
            The number of frames answered.

        Raises:
            InputError: If the client has gone without a word, or a request or the tracker cannot be
                used; the client is told why.
        """
        answered = 0
        try:
            while True:
                request = self._next()
                if request.type == "quit":
                    return answered
                answers = self._answer(request)
                self._server.status([(region, told) for region, told in answers])
                answered += 1
        except self._error as error:
            raise InputError(
                f"the TraX client has gone ({error}); it left without a word"
            ) from None
        except BaseException as error:
            self._tell(error)
            raise

    def _next(self) -> Any:
        with self._waiting():
            return self._server.wait()

    def _answer(self, request: Any) -> list[tuple[Any, dict[str, str]]]:
        """The answers for all objects in the frame of a request."""
        frame_hwc = self._values.frame_of(request.image)
        if request.type == "initialize":
            self._spare, self._trackers = [*self._trackers, *self._spare], []
        elif not self._trackers:
            raise InputError("a frame came before an object was given; initialize first")
        found = [tracker.update(frame_hwc) for tracker in self._trackers]
        for region, _properties in request.objects or ():
            found.append(self._begin(frame_hwc, region))
        if not found:
            raise InputError("no object was given; initialize with at least one")
        size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
        return [
            (
                self._values.region_of(one, self._kind, size_wh),
                {"confidence": f"{one.score if one.found else 0.0:.6f}"},
            )
            for one in found
        ]

    def _begin(self, frame_hwc: FrameHWC, region: Any) -> Prediction:
        size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
        target = self._values.target_of(region, size_wh)
        tracker = self._spare.pop(0) if self._spare else self._make()
        self._trackers.append(tracker)
        return tracker.init(frame_hwc, target)

    def _tell(self, error: BaseException) -> None:
        """Say to the client why the session ends."""
        reason = " ".join(str(error).split()) or type(error).__name__
        try:
            self._server.quit(reason[:500])
        except self._error:
            return  # it has gone itself

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """While the protocol's library waits, in which Python hears no signal and no clock.

        There is nothing to tidy up then: a signal, or the clock, simply ends the process.
        """
        here = threading.current_thread() is threading.main_thread()
        before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM) if here}
        for number in before:
            signal.signal(number, signal.SIG_DFL)
        clock = None
        if self._timeout_s is not None:
            clock = threading.Timer(self._timeout_s, _give_up, [self._timeout_s])
            clock.daemon = True
            clock.start()
        try:
            yield
        finally:
            if clock is not None:
                clock.cancel()
            for number, handler in before.items():
                signal.signal(number, handler)


def _give_up(seconds: float) -> None:
    print(
        f"spectrack: the TraX client has said nothing for {seconds:g} s; give a longer --timeout "
        "or look why it hangs",
        file=sys.stderr,
        flush=True,
    )
    os._exit(HUNG)


def _values() -> Any:
    """The module that knows the package.

    Raises:
        InputError: If the package is not installed.
    """
    try:
        import trax  # noqa: F401  whatever else has loaded the module below

        from spectrack.evaluation.clients import trax_values
    except ImportError as error:
        raise InputError(
            "talking to VOT's toolkit needs the package vot-trax; install it by: pip install "
            "'spectrack[vot]'"
        ) from error
    return trax_values
