"""A server of files on the loopback address, which breaks off, changes and asks as told."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = bytes(range(256)) * 5000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Site(ThreadingHTTPServer):
    """Serves one file at any path; its attributes decide how."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.content, self.etag = CONTENT, '"one"'
        self.cut: int | None = None
        self.ranges = self.sizes = True
        self.wrong_part = False
        self.asked: list[str | None] = []
        self.page = b""
        """What stands before the file until its form is sent, whose field is ``uuid=7``."""
        self.kind = "text/html; charset=utf-8"
        self.paths: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}/weights/rts50.pth"

    def handle_error(self, request: object, client_address: object) -> None:
        """Who hangs up in the middle is part of the tests."""


class Answer(BaseHTTPRequestHandler):
    """Answers as the server's attributes say."""

    server: Site

    def log_message(self, *args: object) -> None:
        """Keep still."""

    def do_GET(self) -> None:
        site, asked = self.server, self.headers.get("Range")
        site.asked.append(asked)
        site.paths.append(self.path)
        if site.page and "uuid=7" not in self.path:
            self.send_response(200)
            self.send_header("Content-Type", site.kind)
            self.send_header("Content-Length", str(len(site.page)))
            self.end_headers()
            self.wfile.write(site.page)
            return
        if self.path.startswith("/leads/"):
            self.send_response(302)
            self.send_header(
                "Location", {"file": "file:///etc/passwd"}.get(self.path[7:], site.url)
            )
            self.end_headers()
            return
        if self.path == "/absent":
            self.send_error(404)
            return
        start = 0
        if asked and site.ranges and self.headers.get("If-Range") == site.etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start and start >= len(site.content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            first = start + site.wrong_part
            self.send_header("Content-Range", f"bytes {first}-{len(site.content) - 1}/*")
        if site.etag:
            self.send_header("ETag", site.etag)
        if site.sizes:
            self.send_header("Content-Length", str(len(site.content) - start))
        self.end_headers()
        self.wfile.write(site.content[start : start + (site.cut or len(site.content))])


@contextmanager
def running_site() -> Iterator[Site]:
    """A server that answers until the block ends."""
    with Site() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
