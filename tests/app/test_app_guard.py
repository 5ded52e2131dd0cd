"""The guard: who is let in, on every kind of request."""

from __future__ import annotations

import asyncio

import pytest

from spectrack.app.guard import BODY_BYTES, Guard, cookie_of, host_of, new_token

TOKEN = new_token()
GOOD = {"host": "127.0.0.1:8765"}
COOKIE = "spectrack_token_8765"


def ask(headers, *, query="", kind="http", method="GET", path="/frame/0", token=TOKEN, body=(b"",)):
    """Status (of a websocket: ``accepted`` or ``closed``) and headers of the answer."""
    sent, passed = [], []

    async def app(scope, receive, send):
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        while True:
            message = await receive()
            passed.append(message)
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"inside"})

    blocks = [
        {"type": "http.request", "body": block, "more_body": i + 1 < len(body)}
        for i, block in enumerate(body)
    ]
    coming = iter([{"type": "websocket.connect"}] if kind == "websocket" else blocks)

    async def receive():
        return next(coming)

    async def send(message):
        sent.append(message)

    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
    }
    asyncio.run(Guard(app, token, upload_bytes=4 * BODY_BYTES)(scope, receive, send))
    ask.passed = passed
    first = sent[0]
    if kind == "websocket":
        return ("accepted" if first["type"] == "websocket.accept" else "closed"), {}
    return first["status"], {k.decode(): v.decode() for k, v in first["headers"]}


COOKIES = GOOD | {"cookie": f"{COOKIE}={TOKEN}"}


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("headers", "query", "status"),  # numbered, as the token is another one every time
    [
        (COOKIES, "", 200),
        (COOKIES | {"origin": "http://127.0.0.1:8765"}, "", 200),
        (COOKIES | {"host": "localhost:8765", "origin": "http://localhost:8765"}, "", 200),
        (GOOD, "", 401),
        (GOOD | {"cookie": f"{COOKIE}={TOKEN[:-1]}"}, "", 401),
        (GOOD | {"cookie": f"other={TOKEN}"}, "", 401),
        (GOOD, f"token={TOKEN}", 401),  # only the page itself takes it from its address
        (COOKIES | {"origin": "http://evil.example"}, "", 403),
        (COOKIES | {"origin": "http://127.0.0.1:9999"}, "", 403),
        (COOKIES | {"origin": "null"}, "", 403),
        (COOKIES | {"origin": "http://127.0.0.1:8765.evil.example"}, "", 403),
        (COOKIES | {"host": "evil.example:8765"}, "", 421),
        (COOKIES | {"host": ""}, "", 421),
        (COOKIES | {"sec-fetch-site": "cross-site"}, "", 403),
    ],
    ids=map(str, range(14)),
)
def test_who_is_let_in(kind, headers, query, status):
    found, _ = ask(headers, query=query, kind=kind)
    expected = status if kind == "http" else ("accepted" if status == 200 else "closed")
    assert found == expected


def test_a_token_in_the_address_becomes_a_cookie_that_scripts_cannot_read():
    status, headers = ask(GOOD, query=f"token={TOKEN}", path="/")
    assert status == 303
    assert headers["location"] == "/"
    assert headers["set-cookie"].startswith(f"{COOKIE}={TOKEN};")
    assert "HttpOnly" in headers["set-cookie"]
    assert "SameSite=Strict" in headers["set-cookie"]


def test_servers_of_one_machine_leave_each_others_cookies_alone():
    """Cookies know no ports: a browser sends those of both servers to both."""
    other = {"host": "127.0.0.1:9001"}
    _, headers = ask(other, query=f"token={TOKEN}", path="/")
    theirs = headers["set-cookie"].split(";")[0]
    assert not theirs.startswith(f"{COOKIE}=")
    jar = f"{COOKIE}={new_token()}; {theirs}"
    assert ask(other | {"cookie": jar})[0] == 200
    assert ask(GOOD | {"cookie": jar})[0] == 401
    assert ask(other | {"cookie": f"{COOKIE}={TOKEN}"})[0] == 401
    for netloc, name in (("[::1]:80", "_80"), ("a.b", ""), ("a.b:x", ""), ("a.b:99999", "")):
        assert cookie_of(netloc) == f"spectrack_token{name}"


def test_a_wrong_token_in_the_address_is_refused_whatever_the_cookie():
    assert ask(COOKIES, query="token=wrong", path="/")[0] == 401


def test_without_a_token_only_origin_and_name_count():
    assert ask(GOOD, token=None)[0] == 200
    assert ask(GOOD | {"origin": "http://evil.example"}, token=None)[0] == 403
    assert ask({"host": "evil.example"}, token=None)[0] == 421


def test_a_link_from_elsewhere_may_lead_to_the_page_but_not_into_it():
    visit = GOOD | {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert ask(visit, token=None, path="/")[0] == 200
    assert ask(visit, token=None, path="/", method="POST")[0] == 403
    assert ask(visit | {"sec-fetch-mode": "no-cors"}, token=None)[0] == 403


@pytest.mark.parametrize("size", [str(BODY_BYTES + 1), "-1", "many", "9" * 40])
def test_bodies_that_are_too_large_are_refused_before_they_come(size):
    status, _ = ask(COOKIES | {"content-length": size}, method="POST")
    assert status == 413


def test_an_upload_may_be_larger_but_not_endless():
    large = {"content-length": str(2 * BODY_BYTES)}
    assert ask(COOKIES | large, method="PUT", path="/upload")[0] == 200
    endless = {"content-length": str(5 * BODY_BYTES)}
    assert ask(COOKIES | endless, method="PUT", path="/upload")[0] == 413


def test_a_body_of_no_declared_length_breaks_off_where_it_is_too_large():
    block = bytes(BODY_BYTES // 2)
    ask(COOKIES, method="POST", body=(block, block, block, block))
    came = sum(len(message.get("body", b"")) for message in ask.passed)
    assert came <= BODY_BYTES
    assert ask.passed[-1] == {"type": "http.disconnect"}


def test_answers_may_not_be_framed_or_guessed_at():
    _, headers = ask(COOKIES)
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("netloc", "host"),
    [("A.b:1", "a.b"), ("[::1]:80", "::1"), ("", ""), ("[", ""), ("127.0.0.1", "127.0.0.1")],
)
def test_names_of_hosts(netloc, host):
    assert host_of(netloc) == host
