"""Hostile requests to a server that runs: each is refused, and nothing is left behind."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import socket
import struct
from urllib.parse import urlsplit

import pytest

from app_server import AppServer, needs_server, served
from processes import wait_until
from spectrack.app.guard import cookie_of
from spectrack.app.jobs import OpenVideo, ShowFrame
from spectrack.app.link import Link
from spectrack.app.places import UPLOAD_BYTES
from spectrack.app.worker import read
from spectrack.app.workspace import Workspace
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.storage import part_of
from spectrack.video.frames import ArrayFrames
from spectrack.video.writer import write_video

needs_server()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A root with a clip in it, and things outside that nobody may see."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "root").mkdir()
    write_video(folder / "root" / "pond.mp4", ArrayFrames(make_clip(3, (96, 64)).frames_thwc))
    write_video(folder / "secret.mp4", ArrayFrames(make_clip(3, (96, 64), seed=9).frames_thwc))
    (folder / "root" / "link.mp4").symlink_to(folder / "secret.mp4")
    return folder


@pytest.fixture(scope="module")
def server(place):
    arguments = ["--host", "127.0.0.1", "--root", "root", "root/pond.mp4"]
    with served(arguments, place) as running:
        yield running


@pytest.fixture
def ask(server):
    """Sends a request as somebody who has the token, unless told; status and body."""
    address = urlsplit(server.address)
    token = address.query.removeprefix("token=")

    def send(method, path, body=None, known=True, **headers):
        connection = http.client.HTTPConnection(address.netloc, timeout=60)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if known:
            sent["Cookie"] = f"{cookie_of(address.netloc)}={token}"
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    send.netloc, send.cookie = address.netloc, f"{cookie_of(address.netloc)}={token}"
    return send


def frame_of(ask, index):
    """The address of a frame, as the page that is served now asks for it."""
    (word,) = set(re.findall(r"generation\W+([0-9a-f]{16})", ask("GET", "/")[1].decode()))
    return f"/frame/{index}?g={word}"


def begin_upload(netloc, path):
    """Send the head of an upload that never ends, and wait until it is on the disk."""
    host, port = netloc.split(":")
    wire = socket.create_connection((host, int(port)), timeout=60)
    lines = [f"PUT /upload?name={path.name} HTTP/1.1", f"Host: {netloc}", "Content-Length: 9999999"]
    wire.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    wire.sendall(struct.pack(">I", 32) + b"ftypisom" + bytes(4000))
    wait_until(lambda: part_of(path).exists(), f"the first bytes of {path.name}")
    return wire


def handshake(ask, **headers):
    """The first line that the server answers to a websocket's opening."""
    host, port = ask.netloc.split(":")
    lines = [
        "GET /_nicegui_ws/socket.io/?EIO=4&transport=websocket HTTP/1.1",
        f"Host: {ask.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    with socket.create_connection((host, int(port)), timeout=60) as wire:
        wire.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return wire.recv(4096).split(b"\r\n")[0]


def test_the_page_itself_is_there(ask):
    assert ask("GET", "/")[0] == 200
    assert ask("GET", frame_of(ask, 0))[1].startswith(b"\xff\xd8")
    good = {"Cookie": ask.cookie, "Origin": f"http://{ask.netloc}"}
    assert b" 101 " in handshake(ask, **good) + b" "


@pytest.mark.parametrize("path", ["/", "/frame/0", "/overlay/0?view=tracker:flow", "/upload"])
def test_1_nobody_comes_in_without_the_token(ask, path):
    assert ask("GET", path, known=False)[0] == 401
    assert ask("GET", f"{path}{'&' if '?' in path else '?'}token=guess", known=False)[0] == 401


def test_2_a_websocket_needs_the_token_too(ask):
    assert b"403" in handshake(ask, Origin=f"http://{ask.netloc}")


def test_3_other_pages_may_not_ask(ask):
    assert ask("GET", "/frame/0", Origin="http://evil.example")[0] == 403
    assert ask("PUT", "/upload?name=a.mp4", b"x", Origin="null")[0] == 403


def test_4_other_pages_may_not_open_a_websocket(ask):
    assert b"403" in handshake(ask, Cookie=ask.cookie, Origin="http://evil.example")


def test_5_a_name_of_somebody_else_that_points_here_is_refused(ask):
    assert ask("GET", "/frame/0", Host="evil.example")[0] == 421


def test_6_a_giant_upload_is_refused_before_it_comes(ask):
    status, _ = ask("PUT", "/upload?name=a.mp4", b"x", Content_Length=str(UPLOAD_BYTES + 1))
    assert status == 413


def test_7_fake_uploads_are_refused_by_their_content(ask, place):
    playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    liar = struct.pack(">I", 32) + b"ftypisom" + os.urandom(4000)
    for body in (playlist, b"", b"MZ" * 50, liar, b"ffconcat version 1.0\nfile secret.mp4\n"):
        status, answer = ask("PUT", "/upload?name=film.mp4", body)
        assert status == 415, body[:20]
        assert "detail" in json.loads(answer)
    names = {path.name for path in (place / "spectrack-sessions").iterdir()}
    assert names == {"pond"}  # nothing is left of them


def test_a_video_that_is_one_is_taken_and_opened_in_a_session_of_its_own(ask, place):
    data = (place / "root" / "pond.mp4").read_bytes()
    before = frame_of(ask, 2)
    assert ask("GET", before)[0] == 200
    status, answer = ask("PUT", "/upload?name=../my%20film.mp4", data)
    assert (status, json.loads(answer)) == (200, {"session": "my_film"})
    kept = place / "spectrack-sessions" / "my_film" / "video" / "my film.mp4"
    assert kept.read_bytes() == data
    assert ask("GET", frame_of(ask, 2))[0] == 200
    # whoever still asks for the video that was open before is not given this one
    for address in (before, "/frame/2", "/frame/2?g=1"):
        assert ask("GET", address)[0] == 404


@pytest.mark.parametrize(
    "name", ["../../../evil.mp4.sh", "evil.m3u8", "..%2f..%2fevil.sh", "%00.mp4", "x" * 3000]
)
def test_8_uploads_cannot_choose_where_they_go(ask, place, name):
    before = sorted(path for path in place.rglob("*") if "spans" not in path.parts)
    assert ask("PUT", f"/upload?name={name}", b"\0" * 64)[0] in {414, 415}
    after = sorted(path for path in place.rglob("*") if "spans" not in path.parts)
    assert after == before


@pytest.mark.parametrize(
    "path",
    [
        "/export/../session.json",
        "/export/..%2fsession.json",
        "/export/%2e%2e%2fedits.jsonl",
        "/export//etc/passwd",
        "/frame/../../secret.mp4",
        "FRAME-1",
        "FRAME99999999999999999999",
        "/overlay/0?view=layer:../../..",
        "/overlay/0?view=layer:%2fetc",
        "/overlay/0?view=nonsense",
        "/overlay/77?view=tracker:flow",
    ],
)
def test_9_no_path_leads_out_of_the_session(ask, path):
    if path.startswith("FRAME"):
        path = frame_of(ask, path.removeprefix("FRAME"))
    status, body = ask("GET", path)
    assert status in {404, 422}
    assert b"root:" not in body


@pytest.mark.parametrize(
    "text", ["../secret.mp4", "/etc/passwd", "link.mp4", "..", "pond.mp4/../../secret.mp4"]
)
def test_10_no_path_that_a_page_names_leads_beyond_the_root(place, text):
    workspace = Workspace(place / "root", place / "sessions", lambda call: call())
    with pytest.raises(InputError, match=r"outside|exist"):
        asyncio.run(workspace.open_below(text))
    with pytest.raises(InputError, match="does not exist"):
        asyncio.run(workspace.open_named(text))
    workspace.close()


def test_11_a_picture_that_needs_all_memory_ends_no_more_than_its_question(place):
    """A bomb: a few kilobytes of PNG that are 3 GB of pixels."""
    import zlib

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    side = 32_000
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(3 * side + 1)) for _ in range(200)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    bomb = place / "bomb"
    bomb.mkdir()
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    (bomb / "00000.png").write_bytes(data)
    link = Link(read, (500 << 20,))
    try:
        with pytest.raises(InputError):
            link.ask(OpenVideo(bomb))[1].result(120)
        good = link.ask(ShowFrame(place / "root" / "pond.mp4", 0))[1].result(120)
        assert good.startswith(b"\xff\xd8")  # and the reader lives on, or again
    finally:
        link.close()


def test_12_an_upload_that_the_end_of_the_server_breaks_off_leaves_nothing(tmp_path):
    server = AppServer([], tmp_path)
    path = tmp_path / "spectrack-sessions" / "film" / "video" / "film.mp4"
    try:
        with begin_upload(urlsplit(server.address).netloc, path):
            assert server.stop() == 130
    finally:
        server.stop()
    assert list((tmp_path / "spectrack-sessions").iterdir()) == []
    said = (tmp_path / "server.log").read_text()
    assert "Traceback" not in said
    assert "nothing was left half-written" in said
