"""The transformer and its positions against torch's own layers, and against loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from spectrack.errors import InputError
from spectrack.networks.sine_positions import sine_positions
from spectrack.networks.transformer import Attention, DecoderLayer, EncoderLayer, Transformer
from thin import randomise

WIDTH, HEADS, HIDDEN = 24, 3, 40


@pytest.fixture
def tokens():
    chance = torch.Generator().manual_seed(1)
    return torch.randn(2, 7, WIDTH, generator=chance), torch.randn(2, 7, WIDTH, generator=chance)


@pytest.mark.parametrize("some", [False, True], ids=["all", "some"])
@torch.inference_mode()
def test_attention_is_torch_s(tokens, some):
    ours = randomise(Attention(WIDTH, HEADS))
    torchs = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
    torchs.load_state_dict(ours.state_dict())  # the names are the same
    values, keys = tokens
    queries = values[:, :3] + 1
    seen = torch.ones(2, 7, dtype=torch.bool)
    if some:
        seen[0, :4], seen[1, 5:] = False, False
    expected, _ = torchs(queries, keys, values, key_padding_mask=~seen)
    found = ours(queries, keys, values, seen if some else None)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_layers_without_positions_are_torch_s(tokens):
    x, memory = tokens
    seen = torch.ones(2, 7, dtype=torch.bool)
    seen[1, 4:] = False
    none = torch.zeros(1, 1, WIDTH)
    encoder = randomise(EncoderLayer(WIDTH, HEADS, HIDDEN, 0.1))
    torchs = nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, batch_first=True).eval()
    torchs.load_state_dict(encoder.state_dict())
    found, expected = encoder(x, none, seen), torchs(x, src_key_padding_mask=~seen)
    # torch fills what is not seen with zeros
    torch.testing.assert_close(found[seen], expected[seen], atol=1e-5, rtol=1e-5)
    decoder = randomise(DecoderLayer(WIDTH, HEADS, HIDDEN, 0.1))
    torchs = nn.TransformerDecoderLayer(WIDTH, HEADS, HIDDEN, batch_first=True).eval()
    torchs.load_state_dict(decoder.state_dict())
    found = decoder(x, none, memory, memory, seen)
    expected = torchs(x, memory, memory_key_padding_mask=~seen)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_what_is_not_seen_does_not_matter(tokens):
    x, positions = tokens
    network = randomise(Transformer(WIDTH, HEADS, 2, HIDDEN))
    queries = torch.randn(1, 2, WIDTH)
    seen = torch.ones(2, 7, dtype=torch.bool)
    seen[:, 2:4] = False
    memory, found = network(x, positions, queries, seen)
    changed = x.clone()
    changed[:, 2:4] += 5
    again, same = network(changed, positions, queries, seen)
    torch.testing.assert_close(found, same)
    torch.testing.assert_close(memory[seen], again[seen])
    less, fewer = network(x[:, [0, 1, 4, 5, 6]], positions[:, [0, 1, 4, 5, 6]], queries)
    torch.testing.assert_close(found, fewer, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(memory[seen].view_as(less), less, atol=1e-5, rtol=1e-5)


def test_dropout_is_for_learning(tokens):
    x, positions = tokens
    network = Transformer(WIDTH, HEADS, 1, HIDDEN, dropout=0.5)
    queries = torch.randn(1, 1, WIDTH)
    first, second = (network(x, positions, queries)[1] for _ in range(2))
    assert not torch.equal(first, second)
    first.square().mean().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_positions_are_what_their_loop_says():
    seen = torch.ones(1, 3, 5, dtype=torch.bool)
    seen[0, 0], seen[0, :, 3:] = False, False  # a row above and two columns beside the picture
    found = sine_positions(seen, 8)
    assert found.shape == (1, 8, 3, 5)
    for row in range(3):
        for column in range(5):
            y = int(seen[0, : row + 1, column].sum()) / (int(seen[0, :, column].sum()) + 1e-6)
            x = int(seen[0, row, : column + 1].sum()) / (int(seen[0, row].sum()) + 1e-6)
            expected = [
                wave(share * 2 * math.pi / 10000 ** (2 * (i // 2) / 4))
                for share in (y, x)
                for i, wave in enumerate((math.sin, math.cos, math.sin, math.cos))
            ]
            assert found[0, :, row, column].tolist() == pytest.approx(expected, abs=1e-5)


def test_channels_that_do_not_divide_are_told():
    with pytest.raises(InputError, match="24 channels do not divide into 5 heads"):
        Attention(24, 5)
