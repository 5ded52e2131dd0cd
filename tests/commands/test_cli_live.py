"""`spectrack live`: streams followed as they come, recorded, selected on a page, and ended."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import av
import numpy as np
import pytest

from live_clip import SIDE, SIZE_WH, frame, place, write_stream
from processes import ended, wait_until
from spectrack.cli import main
from spectrack.commands.live_page import MOST_BYTES, LivePage
from spectrack.structures import Box, Prediction
from spectrack.tracking.choosing import trackers_for
from spectrack.tracks import Tracks

BOX = ",".join(map(str, (*place(0), SIDE, SIDE)))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("live") / "clip.ts"
    write_stream(path, 60, fps=100)
    return path


def feed(pipe: Path, *parts: bytes) -> threading.Thread:
    os.mkfifo(pipe)

    def run() -> None:
        with pipe.open("wb") as out:
            for part in parts:
                out.write(part)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_a_pipe_is_followed_and_recorded(clip, tmp_path, capsys):
    feed(tmp_path / "pipe", clip.read_bytes())
    out = tmp_path / "out"
    command = ["live", str(tmp_path / "pipe"), "--box", BOX, "--tracker", "flow", "--json"]
    assert main([*command, "--record", str(out)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["answered"] + told["dropped"] <= 60
    assert told["lost"] is None
    tracks = Tracks.load(out)
    track, made = tracks.first, json.loads((out / "track.json").read_text())["objects"]["1"]
    assert len(track) == told["answered"]
    numbers = [int(stem) for stem in track.stems]
    assert numbers[0] == 0
    assert numbers[-1] == 59
    np.testing.assert_allclose(track.times_s, [n / 100 for n in numbers], atol=1e-3)
    gaps = [n for first, last in made["dropped"] for n in range(first, last + 1)]
    assert sorted([*gaps, *numbers]) == list(range(60))
    assert len(gaps) == told["dropped"]
    assert (made["arrived"], made["live"], made["cleaned"]) == (60, True, False)
    assert made["settings"]
    # the first frame is answered by what was given
    left, top = place(0)
    assert track[0].box == Box(left, top, SIDE, SIDE)
    assert track.mask(0)[top + SIDE // 2, left + SIDE // 2]
    with av.open(str(out / "overlay.mp4")) as video:
        stamps = [float(f.time) for f in video.decode(video=0)]
    np.testing.assert_allclose(stamps, np.array(track.times_s) - track.times_s[0], atol=1e-3)

    feed(tmp_path / "again", clip.read_bytes())
    command[1] = str(tmp_path / "again")
    assert main([*command, "--record", str(out)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    command += ["--record", str(out), "--overwrite", "--no-overlay", "--max-frames", "1"]
    assert main(command) == 0
    assert len(Tracks.load(out).first) == 1
    assert not (out / "overlay.mp4").exists()


def test_two_objects_of_a_file(clip, tmp_path, capsys):
    out = tmp_path / "out"
    boxes = ["--box", BOX, "--box", "2,2,10,10", "--tracker", "kcf", "--record", str(out)]
    assert main(["live", str(clip), *boxes, "--no-overlay"]) == 0
    said = capsys.readouterr().out
    assert "frames answered with kcf" in said
    assert "delay" in said
    with (out / "boxes.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert {row["object"] for row in rows} == {"1", "2"}
    assert set(Tracks.load(out)) == {1, 2}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nothing.mp4", "--box", BOX], "does not exist"),
        (["ftp://a/b", "--box", BOX], "ftp"),
        (["CLIP"], "--select"),
        (["CLIP", "--box", BOX, "--select"], "beside --select"),
        (["CLIP", "--box", "90,90,9,9"], "outside"),
        (["CLIP", "--box", BOX, "--tracker", "no"], "does not exist"),
        (["CLIP", "--box", BOX, "--max-frames", "0"], "--max-frames"),
        (["CLIP", "--box", BOX, "--reconnect", "-1"], "--reconnect"),
        (["CLIP", "--box", BOX, "--show", "--port", "99999"], "port"),
    ],
)
def test_mistakes_are_told(clip, tmp_path, capsys, args, said):
    args = [str(clip) if word == "CLIP" else word for word in args]
    given = [] if "--tracker" in args else ["--tracker", "kcf"]
    assert main(["live", *args, *given, "--record", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert not (tmp_path / "out").exists()


def test_a_stream_that_changes_its_size_keeps_what_was_recorded(tmp_path, capsys, clip):
    large = tmp_path / "large"
    large.mkdir()
    from PIL import Image

    for number in range(3):
        size = SIZE_WH if number < 2 else (80, 60)
        Image.fromarray(np.resize(frame(number), (size[1], size[0], 3))).save(
            large / f"{number}.png"
        )
    out = tmp_path / "out"
    command = ["live", str(large), "--box", BOX, "--tracker", "kcf", "--record", str(out)]
    assert main([*command, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["lost"]
    assert len(Tracks.load(out).first) >= 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_it_and_keeps_the_record(clip, tmp_path, number):
    """While it waits in a pipe that says nothing more, and is never closed."""
    pipe, out = tmp_path / "pipe", tmp_path / "out"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "spectrack", "live", str(pipe), "--box", BOX, "--json"]
    process = subprocess.Popen(
        [*command, "--tracker", "kcf", "--record", str(out), "--no-overlay"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with pipe.open("wb") as feeder:
        feeder.write(clip.read_bytes())
        feeder.flush()
        masks = out / ".part" / "masks"
        wait_until(lambda: masks.is_dir() and len(list(masks.iterdir())) > 1, "masks", process)
        process.send_signal(number)
        said, errors = ended(process)
    assert process.returncode == 0, errors
    track = Tracks.load(out).first
    assert json.loads(said)["answered"] == len(track) > 1
    assert not (out / ".part").exists()


# --- the page ------------------------------------------------------------------------------------


def ask(url: str, data: bytes | None = None, **heads: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url, data, {k.replace("_", "-"): v for k, v in heads.items()})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


JSON = {"Content_Type": "application/json"}


def test_boxes_are_drawn_on_the_page_and_followed(clip, tmp_path, capfd):
    out, status = tmp_path / "out", []
    command = ["live", str(clip), "--select", "--tracker", "kcf", "--record", str(out)]
    worker = threading.Thread(target=lambda: status.append(main([*command, "--max-frames", "2"])))
    worker.start()
    said = ""

    def told() -> bool:
        nonlocal said
        said += capfd.readouterr().err
        return "/ (on this machine)" in said

    wait_until(told, "the address")
    address = said.split("draw boxes at ")[1].split(" ")[0]
    wait_until(lambda: json.loads(ask(address + "state")[1])["selecting"], "the frame")
    assert b"canvas" in ask(address)[1]
    code, jpeg = ask(address + "still")
    assert (code, jpeg[:2]) == (200, b"\xff\xd8")
    assert ask(address + "boxes", b'{"boxes": [[90, 90, 9, 9]]}', **JSON)[0] == 400
    assert ask(address + "boxes", b'{"again": true}', **JSON)[0] == 200
    wait_until(lambda: json.loads(ask(address + "state")[1])["selecting"], "another frame")
    boxes = json.dumps({"boxes": [[30, 20, 16, 16], [-5, 2, 15, 12.5]]}).encode()
    assert ask(address + "boxes", boxes, **JSON) == (200, b"taken\n")
    worker.join(120)
    assert status == [0]
    tracks = Tracks.load(out)
    assert [tracks[key][0].box for key in tracks] == [Box(30, 20, 16, 16), Box(0, 2, 10, 12.5)]
    assert int(tracks.first.stems[0]) > 0  # the other frame was a newer one
    with pytest.raises(urllib.error.URLError):
        ask(address)


def test_masks_are_shown_as_they_come():
    picture, mask = frame(0), np.zeros((48, 64), bool)
    mask[10:30, 10:40] = True
    with LivePage() as page:
        page.show(picture, {1: Prediction(Box(10, 10, 30, 20), mask)}, "9.0/s, delay 5 ms")
        assert json.loads(ask(page.address + "state")[1])["told"] == "9.0/s, delay 5 ms"
        with urllib.request.urlopen(page.address + "stream", timeout=60) as stream:
            assert stream.readline() == b"--frame\r\n"
            stream.readline()
            size = int(stream.readline().split(b":")[1])
            stream.readline()
            import cv2

            shown = cv2.imdecode(np.frombuffer(stream.read(size), np.uint8), cv2.IMREAD_COLOR)
            red = shown[..., 2].astype(int) - picture[..., 0]
            assert red[14:26, 14:36].mean() > 40 > red[34:, 44:].mean() + 30
        assert ask(page.address + "still")[0] == 404


def test_strangers_are_refused():
    with LivePage() as page:
        where, token = f"http://127.0.0.1:{page.port}", page.token
        threading.Thread(target=page.select, args=(frame(0),), daemon=True).start()
        wait_until(lambda: page.state()["selecting"], "the frame")
        good = f"{where}/{token}/"
        for path in (
            "/",
            f"/{token[:-1]}/",
            f"/{token}x/state",
            "//",
            f"/{token}/../{token}/state",
        ):
            assert ask(where + path)[0] == 403, path
        for path in ("../live.py", "..%2flive.py", "live_page.html"):
            assert ask(good + path)[0] in {403, 404}, path
        assert ask(good + "state", Host="evil.example")[0] == 403
        box = b'{"boxes": [[1, 1, 9, 9]]}'
        assert ask(good + "boxes", box, Origin="http://evil.example", **JSON)[0] == 403
        assert ask(good + "boxes", box, Content_Type="text/plain")[0] == 404
        assert ask(good + "boxes", b" " * (MOST_BYTES + 1), **JSON)[0] == 413
        for wrong in (b"{", b"[]", b'{"boxes": 3}', b'{"boxes": []}', b"[" * 4000,
                      b'{"boxes": [[1, 1, NaN, 4]]}', b'{"boxes": [[1, 2]]}',
                      b'{"boxes": [["a", 1, 2, 3]]}'):  # fmt: skip
            assert ask(good + "boxes", wrong, **JSON)[0] == 400, wrong
        with socket.create_connection(("127.0.0.1", page.port)) as bare:
            bare.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b" 403 " in bare.recv(100)
        assert page.state()["selecting"]  # none of it was taken
        assert ask(good + "boxes", box, Origin=where, **JSON)[0] == 200
        assert page._server.server_address[0] == "127.0.0.1"


def test_a_page_has_so_many_viewers_and_no_more():
    with LivePage() as page:
        assert [page.watching() for _ in range(9)] == [True] * 8 + [False]
        page.show(frame(0), {}, "")
        assert ask(page.address + "stream")[0] == 503
        page.left()
        assert page.watching()


def test_a_taken_port_is_told(capsys, clip):
    with LivePage() as page:
        command = ["live", str(clip), "--box", BOX, "--tracker", "kcf", "--show"]
        assert main([*command, "--port", str(page.port)]) == 2
    assert f"port {page.port} cannot be used" in capsys.readouterr().err


@pytest.mark.parametrize(("more", "steps"), [([], 0), (["--set", "fine_tune=3"], "3")])
def test_frames_do_not_wait_for_a_lesson(clip, monkeypatch, more, steps):
    """What others learn in the first frame takes seconds: only who asks for it gets it."""
    seen = []

    def made(objects, tracker, settings):
        seen.append((tracker, settings))
        return trackers_for(objects, "flow", {})

    monkeypatch.setattr("spectrack.tracking.choosing.trackers_for", made)
    assert main(["live", str(clip), "--box", BOX, "--max-frames", "2", *more]) == 0
    assert seen[0] == ("sftrack", {"fine_tune": steps})
