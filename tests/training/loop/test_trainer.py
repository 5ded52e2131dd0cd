"""The loop against one written by hand, accumulation, schedules, early stop, mixed precision."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import tiny_run
from spectrack.errors import InputError
from spectrack.training.loop.curves import draw_curves
from spectrack.training.loop.order import epoch_order, step_batches
from spectrack.training.loop.trainer import TrainSettings, train


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def close(a, b, **tolerance):
    for name in a:
        torch.testing.assert_close(a[name], b[name], **tolerance)


def by_hand(optimizer, model, epochs, batch_size, clip=None):
    """The plainest loop there is, over the same order."""
    data = tiny_run.Noisy(noise=0.0)
    for epoch in range(epochs):
        order = epoch_order(len(data), 0, epoch)
        for first in range(0, len(order), batch_size):
            rows = order[first : first + batch_size]
            optimizer.zero_grad()
            tiny_run.squares(model, {"x": data.x[rows], "y": data.y[rows]}).backward()
            if clip:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
    return model.state_dict()


@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_same_bits_as_a_loop_by_hand(tmp_path, name, clip):
    rate, decay = 0.02, 0.05
    model = tiny_run.linear()
    if name == "adamw":
        optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay, amsgrad=True)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=rate, weight_decay=decay, momentum=0.9)
    expected = by_hand(optimizer, model, 4, 3, clip)
    fields = {"optimizer": name, "learning_rate": rate, "weight_decay": decay, "clip": clip}
    result = tiny_run.run(tmp_path, plain=True, epochs=4, batch_size=3, schedule="none", **fields)
    assert result.steps == 16
    assert same(load_file(tmp_path / "last.safetensors"), expected)


def test_accumulation_is_a_big_batch(tmp_path):
    common = {"plain": True, "optimizer": "sgd", "learning_rate": 0.05}
    tiny_run.run(tmp_path / "big", batch_size=4, **common)
    tiny_run.run(tmp_path / "parts", batch_size=2, accumulate=2, **common)
    tiny_run.run(tmp_path / "small", batch_size=2, **common)
    big, parts, small = (
        load_file(tmp_path / n / "last.safetensors") for n in ("big", "parts", "small")
    )
    close(big, parts, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(big["weight"], small["weight"], rtol=1e-3)


def test_an_epoch_shows_every_sample_once_in_a_new_order():
    orders = [epoch_order(50, 4, epoch) for epoch in range(3)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert orders[0] != orders[1] != orders[2]
    assert orders[1] == epoch_order(50, 4, 1)
    assert orders[1] != epoch_order(50, 5, 1)


def test_processes_share_each_step_evenly():
    order = list(range(11))
    shares = [step_batches(order, 2, 2, rank, 2) for rank in (0, 1)]
    assert shares[0] == [[[0, 1], [2, 3]], [[8, 9]]]
    assert shares[1] == [[[4, 5], [6, 7]], [[10]]]
    assert step_batches([0], 2, 1, 1, 2) == [[]]


def scripted(values):
    """A validation that gives these values one after the other."""
    left = iter(values)
    return lambda model: {"score": next(left)}


def run_scripted(folder, values, best="max", **fields):
    settings = TrainSettings(**{"epochs": len(values), "device": "cpu"} | fields)
    return train(
        tiny_run.linear(),
        tiny_run.Noisy(2),
        tiny_run.squares,
        settings,
        folder,
        validate=scripted(values),
        monitor="score",
        best=best,
    )


@pytest.mark.parametrize("best", ["max", "min"])
def test_plateau_lowers_the_rate_as_torch_does(tmp_path, best, rng):
    values = [float(v) for v in rng.uniform(size=25)]
    result = run_scripted(tmp_path, values, best, learning_rate=0.1, schedule_patience=2)
    optimizer = torch.optim.SGD(tiny_run.linear().parameters(), lr=0.1)
    torchs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, best, 0.5, 2)
    expected = []
    for value in values:
        expected.append(optimizer.param_groups[0]["lr"])
        torchs.step(value)
    assert [line["rate"] for line in result.history] == expected
    assert len(set(expected)) > 2


def test_step_schedule(tmp_path):
    fields = {"schedule": "step", "schedule_every": 2, "schedule_factor": 0.1}
    result = run_scripted(tmp_path, [1.0] * 5, learning_rate=1e-2, **fields)
    rates = [line["rate"] for line in result.history]
    np.testing.assert_allclose(rates, [1e-2, 1e-2, 1e-3, 1e-3, 1e-4])


def test_early_stop_and_best(tmp_path):
    values = [0.1, 0.5, 0.4, 0.5, 0.3, 0.9]
    result = run_scripted(tmp_path, values, early_stop=3)
    assert (result.epochs, result.best, result.best_epoch) == (5, 0.5, 2)
    # What was best is what a run of two epochs ends with.
    run_scripted(tmp_path / "short", values[:2])
    best = load_file(tmp_path / "best.safetensors")
    assert same(best, load_file(tmp_path / "short" / "last.safetensors"))
    assert not same(best, load_file(tmp_path / "last.safetensors"))


@pytest.mark.parametrize(("share", "count"), [(0.5, 2), (0.01, 1), (1.0, 4)])
def test_the_mean_of_the_last_epochs(tmp_path, share, count):
    after = []

    def kept(model):
        after.append({name: one.clone() for name, one in model.state_dict().items()})
        return tiny_run.error(model)

    settings = TrainSettings(epochs=4, batch_size=2, averaged=share, device="cpu")
    model, data, loss = tiny_run.make_model(), tiny_run.Noisy(), tiny_run.squares
    asked = {"validate": kept, "monitor": "error"}
    result = train(model, data, loss, settings, tmp_path, **asked)
    assert len(after) == 5  # the last one is the mean
    mean = load_file(tmp_path / "last.safetensors")
    for name, found in mean.items():
        many = torch.stack([one[name] for one in after[:4]][-count:])
        expected = many.double().mean(0) if many.is_floating_point() else many[-1]
        torch.testing.assert_close(found, expected.to(found.dtype), rtol=1e-6, atol=1e-7)
    assert same(mean, after[-1])
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in lines if line["kind"] != "step"] == ["epoch"] * 4 + ["mean"]
    assert lines[-1]["epoch"] == 4
    assert len(result.history) == 4
    assert same(load_file(tmp_path / "best.safetensors"), after[result.best_epoch - 1])
    with pytest.raises(InputError, match="0 where early_stop"):
        TrainSettings(epochs=4, averaged=share, early_stop=2)


def test_training_loss_is_monitored_without_a_validation(tmp_path):
    settings = TrainSettings(epochs=5, batch_size=4, learning_rate=0.05, device="cpu")
    data = tiny_run.Noisy(noise=0.0)
    result = train(tiny_run.linear(), data, tiny_run.squares, settings, tmp_path)
    losses = [line["loss"] for line in result.history]
    assert result.best == min(losses) == losses[-1] < losses[0]


def test_epoch_loss_is_the_mean_over_samples(tmp_path):
    settings = TrainSettings(epochs=1, batch_size=4, learning_rate=1e-30, device="cpu")
    data, model = tiny_run.Noisy(noise=0.0), tiny_run.linear()
    whole = float(tiny_run.squares(model, {"x": data.x, "y": data.y}).detach())
    result = train(model, data, tiny_run.squares, settings, tmp_path)
    assert result.history[0]["loss"] == pytest.approx(whole, rel=1e-6)


def test_run_folder_tells_the_story(tmp_path, monkeypatch):
    monkeypatch.setattr("spectrack.training.loop.run.draw_curves", draw_curves)
    seen = []
    settings = TrainSettings(epochs=2, batch_size=4, device="cpu")
    model = tiny_run.make_model()
    result = train(
        model,
        tiny_run.Noisy(),
        tiny_run.squares,
        settings,
        tmp_path,
        validate=tiny_run.error,
        monitor="error",
        extra={"channels": ("a", "b")},
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(step, 6) for step in range(7)]
    assert result.seconds > 0
    assert result.peak_memory_mib > 1
    told = json.loads((tmp_path / "settings.json").read_text())
    assert told["train"]["epochs"] == 2
    assert told["recipe"] == {"channels": ["a", "b"]}
    assert told["parameters"] == sum(p.numel() for p in model.parameters())
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in log] == (["step"] * 3 + ["epoch"]) * 2
    assert [line["step"] for line in log if line["kind"] == "step"] == list(range(1, 7))
    assert result.history == [
        {k: v for k, v in line.items() if k != "kind"} for line in log if line["kind"] == "epoch"
    ]
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert same(load_file(tmp_path / "last.safetensors"), model.state_dict())
    names = {"settings.json", "log.jsonl", "curves.png", "last.safetensors"}
    assert {p.name for p in tmp_path.iterdir()} == names | {"best.safetensors", "resume.pt"}


def test_bf16_computes_in_bf16_and_still_learns(tmp_path):
    kinds = set()

    def loss(model, batch):
        out = model(batch["x"])
        kinds.add(out.dtype)
        return (out[:, 0].float() - batch["y"]).square().mean()

    settings = TrainSettings(epochs=20, learning_rate=0.05, amp="bf16", device="cpu")
    data = tiny_run.Noisy(noise=0.0)
    result = train(tiny_run.linear(), data, loss, settings, tmp_path)
    assert kinds == {torch.bfloat16}
    assert result.best < 0.1 * result.history[0]["loss"]
    assert load_file(tmp_path / "last.safetensors")["weight"].dtype == torch.float32


@pytest.mark.parametrize("has_it", [True, False])
def test_auto_is_bf16_only_where_the_processor_has_it(tmp_path, monkeypatch, has_it):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_it, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
    kinds = set()

    def loss(model, batch):
        out = model(batch["x"])
        kinds.add(out.dtype)
        return (out[:, 0].float() - batch["y"]).square().mean()

    settings = TrainSettings(epochs=1, amp="auto", device="cpu")
    train(tiny_run.linear(), tiny_run.Noisy(noise=0.0), loss, settings, tmp_path)
    assert kinds == {torch.bfloat16 if has_it else torch.float32}
    described = json.loads((tmp_path / "settings.json").read_text())["train"]["amp"]
    assert described == ("bf16" if has_it else "none")


def test_frozen_weights_stay_and_modes_are_set(tmp_path):
    model = tiny_run.make_model()
    model[0].requires_grad_(False)
    frozen, modes = model[0].weight.clone(), []

    def loss(model, batch):
        modes.append(model.training)
        return tiny_run.squares(model, batch)

    def validate(model):
        modes.append(model.training)
        assert not torch.is_grad_enabled()
        return tiny_run.error(model)

    settings = TrainSettings(epochs=2, batch_size=5, device="cpu")
    train(model, tiny_run.Noisy(), loss, settings, tmp_path, validate=validate, monitor="error")
    assert torch.equal(model[0].weight, frozen)
    assert modes == [True, True, False] * 2


def test_loading_processes_change_nothing(tmp_path):
    tiny_run.run(tmp_path / "none", epochs=1)
    tiny_run.run(tmp_path / "two", epochs=1, workers=2)
    a, b = (load_file(tmp_path / n / "last.safetensors") for n in ("none", "two"))
    assert same(a, b)


def test_the_callers_random_numbers_are_left_alone(tmp_path):
    model, data = tiny_run.make_model(), tiny_run.Noisy()
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    expected = torch.rand(1), random.random(), np.random.rand()  # noqa: NPY002
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    train(model, data, tiny_run.squares, TrainSettings(epochs=1, batch_size=5), tmp_path)
    assert (torch.rand(1), random.random(), np.random.rand()) == expected  # noqa: NPY002


@pytest.mark.gpu
def test_fp16_scales_the_loss_and_learns(tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    settings = TrainSettings(epochs=20, learning_rate=0.05, amp="fp16", device="cuda")
    data = tiny_run.Noisy(noise=0.0)
    result = train(tiny_run.linear(), data, tiny_run.squares, settings, tmp_path)
    assert result.best < 0.1 * result.history[0]["loss"]
    state = torch.load(tmp_path / "resume.pt", weights_only=True)
    assert state["scaler"]["scale"] > 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("accumulate", 0),
        ("optimizer", "lion"),
        ("learning_rate", float("nan")),
        ("weight_decay", -1.0),
        ("momentum", 1.0),
        ("schedule", "linear"),
        ("schedule_factor", 1.0),
        ("schedule_patience", -1),
        ("schedule_every", 0),
        ("averaged", 1.5),
        ("early_stop", 0),
        ("clip", 0.0),
        ("amp", "fp8"),
        ("seed", -1),
        ("workers", -1),
        ("checkpoint_every", 0),
        ("log_every", 0),
    ],
)
def test_settings_out_of_range_are_named(field, value):
    with pytest.raises(InputError, match=f"give {field} as"):
        TrainSettings(**{"epochs": 1} | {field: value})


def test_bad_arguments(tmp_path):
    settings = TrainSettings(epochs=1, device="cpu")
    model, data, loss = tiny_run.linear(), tiny_run.Noisy(), tiny_run.squares
    with pytest.raises(InputError, match="no samples"):
        train(model, [], loss, settings, tmp_path)
    with pytest.raises(InputError, match="nothing to learn"):
        train(nn.ReLU(), data, loss, settings, tmp_path)
    with pytest.raises(InputError, match="'J' without a validation"):
        train(model, data, loss, settings, tmp_path, monitor="J")
    with pytest.raises(InputError, match="fp16"):
        train(model, data, loss, TrainSettings(epochs=1, device="cpu", amp="fp16"), tmp_path)
    with pytest.raises(InputError, match="auto, cpu, cuda"):
        train(model, data, loss, TrainSettings(epochs=1, device="tpu"), tmp_path)
    with pytest.raises(InputError, match="CUDA device 99"):
        train(model, data, loss, TrainSettings(epochs=1, device="cuda:99"), tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="one number"):
        train(model, data, lambda m, b: m(b["x"])[:, 0].repeat(2), settings, tmp_path / "a")
    names = {"validate": tiny_run.error, "monitor": "J"}
    with pytest.raises(InputError, match=r"'J' and epoch 1 gave loss .* error"):
        train(model, data, loss, settings, tmp_path / "b", **names)
    with pytest.raises(InputError, match="calls a value 'loss'"):
        train(model, data, loss, settings, tmp_path / "c", validate=lambda m: {"loss": 1.0})
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        train(model, data, loss, settings, tmp_path / "file")
