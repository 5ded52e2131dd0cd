"""The small page of `spectrack live`: the picture with its masks, and boxes drawn by hand.

It listens on this machine alone, at an address that nobody can guess, and answers to no other name
of the host, so that pages of other origins cannot reach it. It needs no package and no window.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from types import TracebackType
from typing import Any, Self

import cv2

from spectrack.errors import InputError
from spectrack.structures import Box, FrameHWC, Prediction
from spectrack.video.export import draw_predictions

HOST = "127.0.0.1"
MOST_BYTES = 4096
"""Of what is posted."""
MOST_VIEWERS = 8
"""Who watch at a time."""
QUALITY = 80
PATIENCE_S = 30.0
"""Seconds after which a connection that says nothing is closed."""

Shown = tuple[FrameHWC, Mapping[int, Prediction], str]
"""A frame, its answers, and what is told beside it."""


class LivePage:
    """Serves the page while it is open.

    Args:
        port: Where to listen; 0 for any that is free.

    Raises:
        InputError: If the port cannot be used.
    """

    def __init__(self, port: int = 0) -> None:
        self.token = secrets.token_urlsafe(16)
        self._changed = threading.Condition()
        self._shown: Shown | None = None
        self._count = 0
        self._closed = False
        self._selecting: FrameHWC | None = None
        self._boxes: list[Box] | None = None
        self._again = False
        self._viewers = threading.BoundedSemaphore(MOST_VIEWERS)
        try:
            self._server = _Server((HOST, port), _handler(self))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError(f"port {port} cannot be used ({reason}); give another") from None
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.port}/{self.token}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def show(self, frame_hwc: FrameHWC, answers: Mapping[int, Prediction], told: str) -> None:
        """Show a frame; it is drawn only where somebody watches."""
        with self._changed:
            self._shown, self._selecting = (frame_hwc, answers, told), None
            self._count += 1
            self._changed.notify_all()

    def select(self, frame_hwc: FrameHWC) -> list[Box] | None:
        """Have somebody draw boxes on a frame.

        Returns:
            One or more; None where another frame is wanted.
        """
        with self._changed:
            self._selecting, self._boxes, self._again = frame_hwc, None, False
            self._count += 1
            self._changed.notify_all()
            while self._boxes is None and not self._again:
                self._changed.wait()
            boxes, self._boxes, self._again = self._boxes, None, False
            return boxes

    # --- what the handler asks for ---------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What the page is to do now."""
        with self._changed:
            shown = self._shown
            return {
                "selecting": self._selecting is not None,
                "count": self._count,
                "told": "" if shown is None else shown[2],
            }

    def still(self) -> bytes | None:
        """The frame to draw boxes on, as JPEG."""
        with self._changed:
            frame = self._selecting
        return None if frame is None else _jpeg(frame)

    def newest(self, after: int) -> tuple[int, bytes] | None:
        """Wait for a newer picture; its number and JPEG, None when the page is closed."""
        with self._changed:
            while (self._count <= after or self._shown is None) and not self._closed:
                self._changed.wait()
            if self._closed or self._shown is None:
                return None
            count, (frame, answers, _) = self._count, self._shown
        return count, _jpeg(draw_predictions(frame, answers))

    def chosen(self, value: Any) -> str | None:
        """Take boxes that were posted, or the wish for another frame; what is wrong with them."""
        with self._changed:
            if self._selecting is None:
                return "no boxes are wanted now"
            if value == {"again": True}:
                self._again = True
            else:
                try:
                    self._boxes = _boxes(value, self._selecting)
                except (InputError, TypeError, ValueError, KeyError) as error:
                    return f"these are no boxes in the frame ({error})"
            self._selecting = None
            self._changed.notify_all()
            return None

    def watching(self) -> bool:
        """Count a viewer in; False where there are too many."""
        return self._viewers.acquire(blocking=False)

    def left(self) -> None:
        """Count a viewer out."""
        self._viewers.release()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Viewers may go whenever they like."""


def _handler(page: LivePage) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE_S
        server_version, sys_version = "spectrack", ""

        def do_GET(self) -> None:
            """The page, its state, and pictures."""
            name = self._name()
            if name == "":
                self._answer(200, "text/html; charset=utf-8", _html())
            elif name == "state":
                self._answer(200, "application/json", json.dumps(page.state()).encode())
            elif name == "still":
                still = page.still()
                if still is None:
                    self._answer(404, "text/plain", b"no frame is held\n")
                else:
                    self._answer(200, "image/jpeg", still)
            elif name == "stream":
                self._stream()
            elif name is not None:
                self._answer(404, "text/plain", b"there is nothing here\n")

        def do_POST(self) -> None:
            """Boxes."""
            name = self._name()
            if name is None:
                return
            size = self.headers.get("Content-Length", "")
            kind = self.headers.get("Content-Type", "")
            origin = self.headers.get("Origin", f"http://{self.headers['Host']}")
            if origin != f"http://{self.headers['Host']}":
                self._answer(403, "text/plain", b"this page is not for other origins\n")
            elif name != "boxes" or kind != "application/json":
                self._answer(404, "text/plain", b"there is nothing here\n")
            elif not size.isdecimal() or len(size) > 9 or int(size) > MOST_BYTES:
                self._answer(413, "text/plain", b"too much was posted\n")
            else:
                try:
                    wrong = page.chosen(json.loads(self.rfile.read(int(size))))
                except (ValueError, RecursionError):
                    wrong = "this is no JSON"
                code, said = (200, "taken") if wrong is None else (400, wrong)
                self._answer(code, "text/plain; charset=utf-8", f"{said}\n".encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name there
            """Say nothing."""

        def _name(self) -> str | None:
            """What is asked for behind the token; None after a refusal."""
            hosts = {f"{HOST}:{page.port}", f"localhost:{page.port}"}
            parts = self.path.partition("?")[0].split("/")
            right = len(parts) == 3 and secrets.compare_digest(
                parts[1].encode(), page.token.encode()
            )
            if self.headers.get("Host") in hosts and right:
                return parts[2]
            self._answer(403, "text/plain", b"use the whole address that spectrack live told\n")
            return None

        def _answer(self, code: int, kind: str, body: bytes) -> None:
            self.send_response(code)
            self._heads(kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _heads(self, kind: str) -> None:
            self.send_header("Content-Type", kind)
            for name, value in HEADS.items():
                self.send_header(name, value)

        def _stream(self) -> None:
            if not page.watching():
                self._answer(503, "text/plain", b"too many watch\n")
                return
            try:
                self.send_response(200)
                self._heads("multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                after = -1
                while (found := page.newest(after)) is not None:
                    after, jpeg = found
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n"
                    self.wfile.write(head.encode() + b"\r\n" + jpeg + b"\r\n")
            finally:
                page.left()

    return Handler


HEADS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; connect-src 'self'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'",
}


def _html() -> bytes:
    return files("spectrack.commands").joinpath("live_page.html").read_bytes()


def _jpeg(frame_hwc: FrameHWC) -> bytes:
    bgr = cv2.cvtColor(frame_hwc, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def _boxes(value: Any, frame_hwc: FrameHWC) -> list[Box]:
    """Boxes of JSON ``{"boxes": [[x, y, w, h], ...]}`` that lie in a frame.

    Raises:
        InputError: If there are none, or too many, or one has no area in the frame.
    """
    height, width = frame_hwc.shape[:2]
    given = value["boxes"]
    if not isinstance(given, list) or not 1 <= len(given) <= 255:
        raise InputError("give 1 to 255 boxes")
    found = []
    for one in given:
        x, y, w, h = (float(v) for v in one)
        inside = Box(x, y, w, h).clip((width, height))
        if inside is None:
            raise InputError(f"{x:g},{y:g},{w:g},{h:g} is outside")
        found.append(inside)
    return found
