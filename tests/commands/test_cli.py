"""The command line as such: help, flags, JSON, exit status."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, fields
from importlib import import_module

import pytest

from spectrack import cli
from spectrack.cli import COMMANDS, parse
from spectrack.errors import InputError


def test_help_lists_every_command(spectrack):
    ran = spectrack("--help")
    assert ran.status == 0
    for name, (_, description) in COMMANDS.items():
        assert name in ran.out
        assert description in ran.out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_tells_every_flag(spectrack, name):
    ran = spectrack(name, "--help")
    assert ran.status == 0
    text = " ".join(re.sub("[│╭╰╮╯─]|---+|-h, --help", " ", ran.out).split())
    text = text.split(" options ")[-1]
    told = dict(re.findall(r" --([a-z-]+)(?: [A-Z,]+)? (.+?) \((?=default|required|repeat)", text))
    cls = getattr(import_module(f"spectrack.commands.{name}"), COMMANDS[name][0])
    positional = {
        "track": {"video"},
        "segment": {"image"},
        "refine": {"masks"},
        "fuse": {"masks"},
        "train": {"recipe"},
        "review": {"track"},
        "benchmark": {"what"},
        "trackers": {"name"},
        "datasets": {"name"},
        "weights": {"action"},
        "live": {"source"},
        "export": {"result"},
        "app": {"video"},
        "report": {"runs"},
        "submit": {"results"},
        "vot": {"tracker"},
    }.get(name, set())
    assert set(told) == {f.name.rstrip("_").replace("_", "-") for f in fields(cls)} - positional
    assert all(len(help_text) > 12 for help_text in told.values()), told


def test_version(spectrack):
    assert spectrack("--version").out.strip() == "0.1.0"


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ([], "no command was given; choose from demo, track"),
        (["--json"], "no command was given"),
        (["trak"], "command 'trak' does not exist (did you mean track?)"),
        (["track"], "VIDEO is missing; see spectrack track --help"),
        (["track", "v"], "--out is missing"),
        (["track", "v", "--out"], "--out"),
        (["track", "v", "--out", "o", "--bax", "1,2,3,4"], "--bax is not understood"),
        (["track", "v", "--out", "o", "--overwrit"], "did you mean --overwrite?"),
        (["track", "v", "--out", "o", "--max-frames", "x"], "--max-frames was given 'x'"),
        (["benchmark", "nonsense"], "nonsense"),
        (["--nonsense"], "--nonsense is not understood; see spectrack --help"),
    ],
)
def test_mistakes_are_answered_in_one_sentence(spectrack, args, sentence):
    ran = spectrack(*args)
    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert ran.err.startswith("spectrack: ")
    assert sentence in ran.err


def test_global_flags_may_come_first():
    command = parse(["--json", "--quiet", "trackers"])
    assert command.json
    assert command.quiet
    with pytest.raises(InputError):
        parse(["--quiet", "nonsense"])


def test_global_flags_may_stand_between_a_command_and_its_variant():
    from spectrack.commands.weights import PullWeightsCommand

    command = parse(["--quiet", "weights", "--json", "pull", "rts50"])
    assert isinstance(command, PullWeightsCommand)
    assert (command.json, command.quiet, command.name) == (True, True, "rts50")


def test_doctor_finds_this_machine_fit(spectrack):
    ran = spectrack("doctor", "--json")
    report = json.loads(ran.out)
    states = {f["name"]: f["state"] for f in report["findings"]}
    assert ran.status == 0, report
    assert states["H.264"] == "ok"
    assert states["kernels"] == "ok"
    assert "all that is needed is here" in spectrack("doctor").out


def test_doctor_says_what_is_missing(spectrack, monkeypatch):
    from spectrack.commands import doctor

    def broken():
        raise ImportError("no such library")

    broken.__name__ = "_kernels"
    monkeypatch.setattr(doctor, "_kernels", broken)
    monkeypatch.setattr(doctor, "_can_write", lambda av, name: False)
    ran = spectrack("doctor")
    assert ran.status == 1
    assert "-> H.264: install the PyAV wheel" in ran.out
    assert "ImportError: no such library" in ran.out


def test_benchmark_passes_its_numbers_on(spectrack, monkeypatch):
    import types

    asked = {}

    def run_benchmark(frames, threads):
        asked.update(frames=frames, threads=threads)
        return {"numba": {"ms_per_frame_iteration": 1.25}, "peak_mib": 3}

    module = types.SimpleNamespace(run_benchmark=run_benchmark)
    monkeypatch.setitem(sys.modules, "spectrack.spectral.sfseg.benchmark", module)
    ran = spectrack("benchmark", "spectral", "--frames", "7", "--json")
    assert json.loads(ran.out) == {"numba": {"ms_per_frame_iteration": 1.25}, "peak_mib": 3}
    assert asked == {"frames": 7, "threads": 2}
    assert "numba.ms_per_frame_iteration  1.25" in spectrack("benchmark").out
    assert spectrack("benchmark", "--frames", "0").status == 2


def test_noise_on_standard_output_does_not_spoil_json(spectrack, monkeypatch):
    from spectrack.commands.trackers import TrackersCommand

    quiet_run = TrackersCommand.run

    def noisy_run(self, console):
        print("a library says hello")
        return quiet_run(self, console)

    monkeypatch.setattr(TrackersCommand, "run", noisy_run)
    ran = spectrack("trackers", "--json")
    assert json.loads(ran.out)
    assert "hello" in ran.err


def test_ctrl_c_is_status_130(spectrack, monkeypatch):
    def stop(argv):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "parse", stop)
    ran = spectrack("trackers")
    assert ran.status == 130
    assert ran.err.count("\n") == 1


def test_as_a_module_and_with_a_reader_that_leaves():
    command = [sys.executable, "-m", "spectrack"]
    done = subprocess.run([*command, "trackers"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "flow" in done.stdout
    bad = subprocess.run([*command, "trak"], capture_output=True, text=True)
    assert bad.returncode == 2
    assert bad.stderr.count("\n") == 1
    piped = subprocess.Popen([*command, "trackers"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert piped.stdout is not None
    piped.stdout.close()
    assert piped.stderr is not None
    assert b"Traceback" not in piped.stderr.read()
    piped.wait()


def test_a_setting_reaches_the_tracker_and_a_wrong_one_is_told(spectrack, still, monkeypatch):
    import still_tracker

    seen = []

    @dataclass(frozen=True)
    class Settings:
        """How still.

        Args:
            pause: Seconds.
        """

        pause: float = 1.5

    class Tracker(still_tracker.StillTracker):
        def __init__(self, settings):
            super().__init__(settings)
            seen.append(settings.pause)

    Tracker.Settings = Settings
    monkeypatch.setattr(still_tracker, "StillTracker", Tracker)
    shown = spectrack("trackers", still)
    assert "How still." in shown.out
    assert "pause  1.5" in shown.out
    assert json.loads(spectrack("trackers", still, "--json").out)["settings"] == {"pause": 1.5}
    args = ("track", "none.mp4", "--box", "1,2,3,4", "--out", "o", "--tracker", still)
    assert "none.mp4 does not exist" in spectrack(*args, "--set", "pause=2").err
    assert set(seen) == {2}
    assert "has no setting paws; it has pause" in spectrack(*args, "--set", "paws=2").err
    assert spectrack("trackers", "flwo").status == 2
