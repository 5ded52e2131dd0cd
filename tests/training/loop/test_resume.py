"""A run that was stopped in any way ends with the bits of one that was not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import tiny_run
from spectrack.errors import InputError
from spectrack.training.loop.checkpoint import load_weights
from spectrack.training.loop.trainer import TrainSettings, train

TINY = Path(tiny_run.__file__)
FIELDS = {
    "epochs": 3,
    "accumulate": 2,
    "checkpoint_every": 2,
    "learning_rate": 0.05,
    "averaged": 0.6,  # two of the epochs
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that nobody stopped: 3 epochs of 3 steps."""
    folder = tmp_path_factory.mktemp("whole")
    tiny_run.run(folder, **FIELDS)
    return folder


def assert_same_end(folder, whole):
    for name in ("last.safetensors", "best.safetensors"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name
    a, b = (
        [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]
        for lines in ((f / "log.jsonl").read_text().splitlines() for f in (folder, whole))
    )
    assert a == b
    assert not list(folder.glob("*.part"))
    assert (folder / "curves.png").is_file()


class Stop(Exception):
    """Stands for any way to die."""


@pytest.mark.parametrize("at", range(1, 20))
def test_stopped_at_any_batch(tmp_path, whole, at):
    """15 batches and 4 validations, one of the mean; it dies in each and goes on."""
    calls = 0

    def counted(function):
        def call(*args):
            nonlocal calls
            calls += 1
            if calls == at:
                raise Stop
            return function(*args)

        return call

    settings = TrainSettings(**FIELDS, batch_size=2, device="cpu")
    with pytest.raises(Stop):
        train(
            tiny_run.make_model(),
            tiny_run.Noisy(),
            counted(tiny_run.squares),
            settings,
            tmp_path,
            validate=counted(tiny_run.error),
            monitor="error",
        )
    # A model with other weights at the start: they come from the checkpoint.
    train(
        tiny_run.make_model(seed=99),
        tiny_run.Noisy(),
        tiny_run.squares,
        settings,
        tmp_path,
        validate=tiny_run.error,
        monitor="error",
    )
    assert_same_end(tmp_path, whole)


def die(folder, at):
    """Let a program train and die by SIGKILL in a batch, counted from where it goes on."""
    arguments = [sys.executable, str(TINY), str(folder), json.dumps(FIELDS | {"kill_at": at})]
    path = os.pathsep.join([str(TINY.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(arguments, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == -signal.SIGKILL
    return torch.load(folder / "resume.pt", weights_only=True)["state"]["step"]


def test_killed_between_checkpoints(tmp_path, whole):
    assert die(tmp_path, 9) == 4  # in step 5
    assert die(tmp_path, 7) == 6  # in step 8, of the last epoch
    tiny_run.run(tmp_path, **FIELDS)
    assert_same_end(tmp_path, whole)


def test_ctrl_c_finishes_the_step_and_leaves_a_checkpoint_of_it(tmp_path, whole):
    with pytest.raises(KeyboardInterrupt):
        tiny_run.run(tmp_path, press_at=3, **FIELDS | {"checkpoint_every": None})
    state = torch.load(tmp_path / "resume.pt", weights_only=True)["state"]
    assert state["step"] == 2, "no periodic checkpoint falls there"
    assert (tmp_path / "curves.png").is_file()
    tiny_run.run(tmp_path, **FIELDS)
    assert_same_end(tmp_path, whole)


def test_ctrl_c_in_the_validation_stops_at_once(tmp_path, whole):
    settings = TrainSettings(**FIELDS, batch_size=2, device="cpu")
    names = {"monitor": "error"}

    def impatient(model):
        signal.raise_signal(signal.SIGINT)
        pytest.fail("went on")

    handler = signal.getsignal(signal.SIGINT)
    args = (tiny_run.Noisy(), tiny_run.squares, settings, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_run.make_model(), *args, validate=impatient, **names)
    state = torch.load(tmp_path / "resume.pt", weights_only=True)["state"]
    assert (state["epoch"], state["step"]) == (0, 3)
    train(tiny_run.make_model(), *args, validate=tiny_run.error, **names)
    assert_same_end(tmp_path, whole)
    assert signal.getsignal(signal.SIGINT) is handler


def test_second_ctrl_c_stops_in_the_middle_and_keeps_the_last_checkpoint(tmp_path, whole):
    settings = TrainSettings(**FIELDS, batch_size=2, device="cpu")
    calls = 0

    def twice(model, batch):
        nonlocal calls
        calls += 1
        if calls == 6:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            pytest.fail("went on")
        return tiny_run.squares(model, batch)

    names = {"validate": tiny_run.error, "monitor": "error"}
    with pytest.raises(KeyboardInterrupt):
        train(tiny_run.make_model(), tiny_run.Noisy(), twice, settings, tmp_path, **names)
    assert torch.load(tmp_path / "resume.pt", weights_only=True)["state"]["step"] == 3
    tiny_run.run(tmp_path, **FIELDS)
    assert_same_end(tmp_path, whole)


def test_a_finished_run_is_not_repeated(tmp_path):
    first = tiny_run.run(tmp_path, **FIELDS)
    stamps = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    model = tiny_run.make_model(seed=99)
    settings = TrainSettings(**FIELDS, batch_size=2, device="cpu")

    def never(*args):
        pytest.fail("trained again")

    again = train(
        model, tiny_run.Noisy(), never, settings, tmp_path, validate=never, monitor="error"
    )
    assert again == first
    last = load_file(tmp_path / "last.safetensors")
    assert all(torch.equal(last[name], value) for name, value in model.state_dict().items())
    changed = {n for n, t in stamps.items() if (tmp_path / n).stat().st_mtime_ns != t}
    assert not changed


def test_other_settings_are_named(tmp_path):
    tiny_run.run(tmp_path, epochs=1)
    with pytest.raises(InputError, match=r"train\.learning_rate 0\.001 and now it is 0\.5"):
        tiny_run.run(tmp_path, epochs=1, learning_rate=0.5, weight_decay=0.3)
    settings = TrainSettings(epochs=1, batch_size=2, device="cpu")
    model, names = tiny_run.make_model(), {"validate": tiny_run.error, "monitor": "error"}
    with pytest.raises(InputError, match="samples 10 and now it is 9"):
        train(model, tiny_run.Noisy(9), tiny_run.squares, settings, tmp_path, **names)
    data, extra = tiny_run.Noisy(), {"channels": ["a"]}
    with pytest.raises(InputError, match=r"recipe\.channels 'nothing' and now it is \['a'\]"):
        train(model, data, tiny_run.squares, settings, tmp_path, extra=extra, **names)
    with pytest.raises(InputError, match="holds a run already"):
        train(model, data, tiny_run.squares, settings, tmp_path, resume=False, **names)
    # These do not decide the outcome, so the finished run is simply read.
    tiny_run.run(tmp_path, epochs=1, checkpoint_every=1, log_every=5, workers=1)


def test_another_model_of_as_many_parameters(tmp_path):
    settings = TrainSettings(epochs=1, device="cpu")
    args = (tiny_run.Noisy(), tiny_run.squares, settings, tmp_path)
    train(tiny_run.linear(), *args)
    with pytest.raises(InputError, match="another model"):
        train(torch.nn.Sequential(tiny_run.linear()), *args)


@pytest.mark.parametrize("size", [0, 1, 100, -1])
def test_truncated_resume_file(tmp_path, size):
    tiny_run.run(tmp_path, epochs=1)
    path = tmp_path / "resume.pt"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match="truncated") as caught:
        tiny_run.run(tmp_path, epochs=1)
    assert str(path) in str(caught.value)
    path.unlink()
    tiny_run.run(tmp_path, epochs=1)
    log = (tmp_path / "log.jsonl").read_text().splitlines()
    assert len(log) == 6, "the log begins anew too"


class Evil:
    def __reduce__(self):
        return (os.system, ("touch pwned",))


def test_a_resume_file_cannot_run_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny_run.run(tmp_path / "run", epochs=1)
    torch.save({"format": 1, "state": Evil()}, tmp_path / "run" / "resume.pt")
    with pytest.raises(InputError, match="no resume file"):
        tiny_run.run(tmp_path / "run", epochs=1)
    assert not (tmp_path / "pwned").exists()


def test_settings_that_cannot_be_read(tmp_path):
    (tmp_path / "settings.json").write_text('{"train": ')
    with pytest.raises(InputError, match="cannot be read as JSON"):
        tiny_run.run(tmp_path, epochs=1)


@pytest.mark.parametrize("what", ["loss", "gradients"])
def test_not_a_number_stops_and_keeps_the_last_checkpoint(tmp_path, what):
    calls = 0

    def loss(model, batch):
        nonlocal calls
        calls += 1
        value = tiny_run.squares(model, batch)
        if calls < 8:
            return value
        if what == "loss":
            return value * float("nan")
        # The root of zero is fine, its slope is not.
        return value + (model.weight.sum() * 0).sqrt()

    settings = TrainSettings(epochs=3, batch_size=2, checkpoint_every=3, device="cpu")
    model = tiny_run.linear()
    with pytest.raises(InputError, match=what) as caught:
        train(model, tiny_run.Noisy(), loss, settings, tmp_path)
    assert "at step 8 (epoch 2); the checkpoint of step 6 in" in str(caught.value)
    state = torch.load(tmp_path / "resume.pt", weights_only=True)
    assert state["state"]["step"] == 6
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())
    # Without the fault it goes on from there, and ends as if there had been none.
    train(tiny_run.linear(), tiny_run.Noisy(), tiny_run.squares, settings, tmp_path)
    train(tiny_run.linear(), tiny_run.Noisy(), tiny_run.squares, settings, tmp_path / "whole")
    assert_same_end(tmp_path, tmp_path / "whole")


def test_weights_that_cannot_be_loaded(tmp_path):
    tiny_run.run(tmp_path, plain=True, epochs=1)
    path = tmp_path / "last.safetensors"
    model = tiny_run.linear(seed=99)
    load_weights(path, model)
    assert torch.equal(model.weight, load_file(path)["weight"])
    with pytest.raises(InputError, match=r"8 missing \(0\.weight, 0\.bias"):
        load_weights(path, tiny_run.make_model())
    with pytest.raises(InputError, match=r"of another shape \(weight 1x4 for 2x4, bias 1"):
        load_weights(path, torch.nn.Linear(4, 2))
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match="cannot be read"):
        load_weights(path, model)
    with pytest.raises(InputError, match="do not exist"):
        load_weights(tmp_path / "none", model)
