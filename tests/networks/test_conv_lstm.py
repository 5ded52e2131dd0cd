"""ConvLSTM against Eq. 1 written out as loops in float64: values and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spectrack.errors import InputError
from spectrack.networks.conv_lstm import FORGET_BIAS, ConvLSTM, State

INPUTS, HIDDEN, HW = 2, 3, (4, 5)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def same_conv(x_chw, kernel_oikl):
    """Sum over taps, zeros outside."""
    outputs, _, size, _ = kernel_oikl.shape
    _, height, width = x_chw.shape
    out = np.zeros((outputs, height, width))
    for o, y, x in np.ndindex(outputs, height, width):
        for c, i, j in np.ndindex(*kernel_oikl.shape[1:]):
            row, column = y + i - size // 2, x + j - size // 2
            if 0 <= row < height and 0 <= column < width:
                out[o, y, x] += kernel_oikl[o, c, i, j] * x_chw[c, row, column]
    return out


def eq1(p, x, h, c):
    """One step for one sample; ``p`` are the weights by name."""
    wx, wh, b = p["of_input.weight"], p["of_hidden.weight"], p["of_input.bias"]
    n = HIDDEN
    part = {
        name: same_conv(x, wx[k * n : (k + 1) * n])
        + same_conv(h, wh[k * n : (k + 1) * n])
        + b[k * n : (k + 1) * n, None, None]
        for k, name in enumerate("ifco")
    }
    ci, cf, co = p["peepholes"] if "peepholes" in p else np.zeros((3, n, *HW))
    i, f = sigmoid(part["i"] + ci * c), sigmoid(part["f"] + cf * c)
    c = f * c + i * np.tanh(part["c"])
    o = sigmoid(part["o"] + co * c)
    return o * np.tanh(c), c


@pytest.fixture(params=[HW, None], ids=["peepholes", "without"])
def layer(request):
    torch.manual_seed(3)
    made = ConvLSTM(INPUTS, HIDDEN, 3, request.param).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return made


def numbers(layer):
    return {name: p.detach().numpy() for name, p in layer.named_parameters()}


def given(seed=5, steps=4):
    chance = torch.Generator().manual_seed(seed)
    x = torch.randn(steps, 2, INPUTS, *HW, generator=chance, dtype=torch.float64)
    h, c = torch.randn(2, 2, HIDDEN, *HW, generator=chance, dtype=torch.float64)
    return x, State(h, c)


def truth(p, x, state):
    """Outputs of all steps and the last cell, for each sample."""
    hs, cs = [], []
    for n in range(x.shape[1]):
        h, c = state.hidden[n].numpy(), state.cell[n].numpy()
        said = []
        for step in x[:, n].numpy():
            h, c = eq1(p, step, h, c)
            said.append(h)
        hs.append(said)
        cs.append(c)
    return np.array(hs).swapaxes(0, 1), np.array(cs)


def test_steps_are_eq_1(layer):
    x, state = given()
    wanted, cell = truth(numbers(layer), x, state)
    with torch.no_grad():
        said, last = layer.unroll(x, state)
        np.testing.assert_allclose(said, wanted, atol=1e-12)
        np.testing.assert_allclose(last.cell, cell, atol=1e-12)
        for step, one in zip(x, wanted, strict=True):
            state = layer(step, state)
            np.testing.assert_allclose(state.hidden, one, atol=1e-12)


def test_gradients_are_the_slopes_of_the_loop(layer):
    """Differences of the loop in NumPy, for some numbers of every parameter and of the inputs."""
    x, state = given(steps=3)
    shown = torch.randn(3, 2, HIDDEN, *HW, generator=torch.Generator().manual_seed(9)).double()
    x.requires_grad_()
    said, last = layer.unroll(x, state)
    ((said * shown).sum() + last.cell.sum()).backward()

    def loss(p, x_np):
        h, c = truth(p, torch.from_numpy(x_np), state)
        return (h * shown.numpy()).sum() + c.sum()

    p, step, rng = numbers(layer), 1e-5, np.random.default_rng(0)
    slopes = {name: q.grad for name, q in layer.named_parameters()}
    for name, array in {**p, "x": x.detach().numpy()}.items():
        slope = x.grad if name == "x" else slopes[name]
        for at in rng.choice(array.size, 2, replace=False):
            both = []
            for sign in (1, -1):
                moved = array.copy()
                moved.flat[at] += sign * step
                both.append(
                    loss(p, moved) if name == "x" else loss({**p, name: moved}, x.detach().numpy())
                )
            wanted = (both[0] - both[1]) / (2 * step)
            assert slope.flatten()[at].item() == pytest.approx(wanted, rel=1e-6, abs=1e-7), name


def test_without_peepholes_a_shift_of_the_input_is_one_of_the_output():
    torch.manual_seed(0)
    for size_hw, same in ((None, True), ((12, 12), False)):
        layer = ConvLSTM(1, 2, 3, size_hw)
        if layer.peepholes is not None:
            torch.nn.init.normal_(layer.peepholes)
        x = torch.zeros(3, 1, 1, 12, 12)
        x[:, :, :, 4:6, 4:6] = 1
        with torch.no_grad():
            plain, _ = layer.unroll(x)
            moved, _ = layer.unroll(x.roll(1, 4))
        # three steps with 3x3 kernels reach far enough for the border to show at the rim alone
        inner = (..., slice(4, 8), slice(5, 8))
        assert torch.allclose(plain.roll(1, 4)[inner], moved[inner], atol=1e-6) == same


def test_a_fresh_layer_keeps_its_memory_and_starts_from_zeros():
    layer = ConvLSTM(2, 3, 3, (4, 5))
    np.testing.assert_array_equal(
        layer.of_input.bias.detach(), [0] * 3 + [FORGET_BIAS] * 3 + [0] * 6
    )
    x = torch.randn(1, 2, 4, 5)
    zeros = torch.zeros(1, 3, 4, 5)
    for one, other in zip(layer(x), layer(x, State(zeros, zeros)), strict=True):
        assert torch.equal(one, other)


def test_a_state_forgets_how_it_came_about():
    state = ConvLSTM(2, 3)(torch.randn(1, 2, 4, 5))
    assert state.cell.requires_grad
    assert not any(part.requires_grad for part in state.detached())


def test_an_even_kernel_is_told():
    with pytest.raises(InputError, match="odd"):
        ConvLSTM(1, 1, 2)
