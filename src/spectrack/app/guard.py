"""The guard before every request: token, origin, host and size; websockets included."""

from __future__ import annotations

import hmac
import secrets
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

QUERY = "token"
BODY_BYTES = 1 << 20
"""Largest body of a request that is no upload: 1 MiB."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
"""Sent with every answer."""


def new_token() -> str:
    """A token that nobody can guess: 256 bits."""
    return secrets.token_urlsafe(32)


class Guard:
    """Refuses requests that do not come from the page itself; an ASGI middleware.

    Args:
        app: What is guarded.
        token: Needed in the address (``?token=``) once, then in a cookie; None where everybody on
            this machine may come.
        hosts: Names by which the server may be called, without port; others are refused, as a page
            elsewhere may have its own name point here. Empty where any may.
        upload: Path of the request that may have a large body.
        upload_bytes: Size of that.
    """

    def __init__(
        self,
        app: Any,
        token: str | None,
        hosts: frozenset[str] = LOOPBACK,
        upload: str = "/upload",
        upload_bytes: int = BODY_BYTES,
    ) -> None:
        self._app, self._token, self._hosts = app, token, hosts
        self._upload, self._upload_bytes = upload, upload_bytes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        status, sentence = self._refusal(scope, headers)
        if sentence is not None:
            await _refuse(scope, receive, send, status, sentence)
            return
        if self._token is not None and self._asked_token(scope) is not None:
            # From here on the token is in a cookie, and no longer in the address.
            name = cookie_of(headers.get(b"host", ""))
            cookie = f"{name}={self._token}; HttpOnly; SameSite=Strict; Path=/"
            moved = [(b"location", b"/"), (b"set-cookie", cookie.encode("ascii"))]
            await _answer(send, 303, b"", moved)
            return

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *HEADERS]}
            await send(message)

        await self._app(scope, self._counted(scope, receive), answer)

    def _refusal(self, scope: Any, headers: dict[bytes, str]) -> tuple[int, str | None]:
        host = headers.get(b"host", "")
        if self._hosts and host_of(host) not in self._hosts:
            return 421, "this server is not called by that name"
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, "requests of other pages are refused"
        if headers.get(b"sec-fetch-site", "same-origin") == "cross-site" and not _is_visit(
            scope, headers
        ):
            return 403, "requests of other pages are refused"
        if self._token is not None and not self._knows_token(scope, headers):
            return 401, "the token is missing or wrong; use the address that was printed"
        if scope["type"] == "http":
            size = headers.get(b"content-length", "0")
            if not size.isdecimal() or int(size) > self._most(scope):
                return 413, f"the body is too large; at most {self._most(scope)} bytes"
        return 200, None

    def _most(self, scope: Any) -> int:
        return self._upload_bytes if scope["path"] == self._upload else BODY_BYTES

    def _asked_token(self, scope: Any) -> str | None:
        """The token in the address of the page itself, where there is one."""
        if scope["type"] != "http" or scope["path"] != "/":
            return None
        return parse_qs(scope["query_string"].decode("latin-1")).get(QUERY, [None])[0]

    def _knows_token(self, scope: Any, headers: dict[bytes, str]) -> bool:
        given = self._asked_token(scope)
        if given is None:
            try:
                name = cookie_of(headers.get(b"host", ""))
                cookie = SimpleCookie(headers.get(b"cookie", "")).get(name)
            except CookieError:
                return False
            given = None if cookie is None else cookie.value
        assert self._token is not None
        return given is not None and hmac.compare_digest(
            given.encode("utf-8", "surrogateescape"), self._token.encode("ascii")
        )

    def _counted(self, scope: Any, receive: Any) -> Any:
        """Receive a body of no declared length up to what is allowed; then it breaks off."""
        if scope["type"] != "http":
            return receive
        left = self._most(scope)

        async def counted() -> Any:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            return {"type": "http.disconnect"} if left < 0 else message

        return counted


def cookie_of(netloc: str) -> str:
    """Name of the cookie that holds the token of the server at ``name:port``.

    Cookies know no ports: two servers of one machine would take each other's away.
    """
    try:
        port = urlsplit(f"//{netloc}").port
    except ValueError:
        port = None
    return "spectrack_token" if port is None else f"spectrack_token_{port}"


def host_of(netloc: str) -> str:
    """The name in ``name:port`` or ``[address]:port``, in lower case; empty where it is none."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def _is_visit(scope: Any, headers: dict[bytes, str]) -> bool:
    """Whether somebody follows a link from elsewhere to the page, which changes nothing."""
    navigates = headers.get(b"sec-fetch-mode") == "navigate"
    return scope["type"] == "http" and scope["method"] == "GET" and navigates


async def _refuse(scope: Any, receive: Any, send: Any, status: int, sentence: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": sentence})
        return
    closed = [(b"connection", b"close")]
    await _answer(send, status, f"{sentence}\n".encode(), closed)


async def _answer(send: Any, status: int, body: bytes, more: list[tuple[bytes, bytes]]) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        *more,
        *HEADERS,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
