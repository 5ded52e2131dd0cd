"""The same bits however busy the machine: deterministic algorithms, and as many threads as before.

Which order threads add in cannot be forced from outside, so the tests compare thread counts: what
depends on the order of threads depends on their number, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

import tiny_run
from spectrack.spectral.mixing.learned import LearnedMixing
from spectrack.training.loop.exact import exact_arithmetic
from spectrack.training.loop.trainer import TrainSettings, train


@pytest.fixture(autouse=True)
def threads_kept() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_training_uses_deterministic_algorithms_and_leaves_none(tmp_path):
    seen = []

    def loss(model, batch):
        seen.append(torch.are_deterministic_algorithms_enabled())
        return tiny_run.squares(model, batch)

    settings = TrainSettings(epochs=1, batch_size=5, device="cpu")
    train(tiny_run.linear(), tiny_run.Noisy(), loss, settings, tmp_path)
    assert seen == [True, True]
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory


def test_repeated_indices_add_up_in_one_order():
    """Under torch's default, threads add to one place as they come; 17 of 50 runs differed."""
    torch.manual_seed(0)
    index, values = torch.randint(0, 8, (200_000,)), torch.randn(200_000, 3)
    found = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        places = torch.zeros(8, 3, requires_grad=True)
        with exact_arithmetic(torch.device("cpu")):
            (places[index] * values).sum().backward()
        found.append(places.grad)
    assert torch.equal(*found)


def test_the_gradient_of_the_mixing_does_not_depend_on_threads():
    torch.manual_seed(0)
    columns, frame = torch.rand(150_000, 3), torch.randint(0, 8, (150_000,)).sort().values
    model, found = LearnedMixing.even(("a", "b", "c")), []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        agreement = (0.3 + 0.1 * torch.arange(24.0).reshape(8, 3) / 24).requires_grad_()
        soft = model.of_columns(columns, frame, agreement, torch.ones(8, 3, dtype=torch.bool))
        soft.backward(torch.ones_like(soft))
        found.append(agreement.grad)
    assert torch.equal(*found)


def test_a_run_goes_on_with_the_threads_it_began_with(tmp_path):
    seen = []

    def loss(model, batch):
        seen.append(torch.get_num_threads())
        if len(seen) == 3:
            raise KeyboardInterrupt
        return tiny_run.squares(model, batch)

    settings = TrainSettings(epochs=2, batch_size=5, checkpoint_every=1, device="cpu")
    arguments = (tiny_run.linear(), tiny_run.Noisy(), loss, settings, tmp_path)
    torch.set_num_threads(3)
    with pytest.raises(KeyboardInterrupt):
        train(*arguments)
    torch.set_num_threads(1)
    train(*arguments)
    assert seen == [3] * 5
    assert torch.get_num_threads() == 1, "the caller's count is as it was"


def test_numba_takes_torch_s_threads():
    """Its first loop sets OpenMP's count, which is torch's: what follows would be summed anew."""
    script = """
import torch
torch.set_num_threads(3)
from spectrack.training.loop.exact import settle_threads
settle_threads()
import numba
print(numba.get_num_threads(), torch.get_num_threads())
"""
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, env=clean, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["3", "3"]
