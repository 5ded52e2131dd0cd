"""Blocks in strips of rows answer as the block does, whatever the size, the step and the reach."""

from __future__ import annotations

import pytest
import torch

from spectrack.networks import strips
from spectrack.networks.mobilenet_v2 import InvertedResidual
from spectrack.networks.strips import StripResidual


def shown(n: int, maps: int, height: int, width: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(height * 100 + width)
    picture = torch.randn(n, maps, height, width, generator=draw)
    return picture.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("size", [(16, 16), (17, 12), (9, 21), (1, 5), (33, 1)])
@pytest.mark.parametrize(
    ("outputs", "widening", "stride", "dilation"),
    [(8, 6, 1, 1), (12, 6, 2, 1), (8, 1, 1, 1), (12, 6, 1, 2), (8, 6, 1, 4)],
)
@pytest.mark.parametrize("rows", [1, 3, 5])
def test_strips_answer_as_the_whole(
    monkeypatch, size, outputs, widening, stride, dilation, rows
) -> None:
    torch.manual_seed(3)
    block = InvertedResidual(8, outputs, widening, stride, dilation).eval()
    x = shown(2, 8, *size)
    monkeypatch.setattr(strips, "LARGEST", 8 * widening * size[1] * 4 * stride * rows)
    with torch.inference_mode():
        torch.testing.assert_close(StripResidual(block)(x), block(x), atol=1e-5, rtol=1e-5)


def test_wide_maps_are_never_whole() -> None:
    block = InvertedResidual(8, 8, 6, 1, 1).eval()
    made = []
    block.expand.register_forward_hook(lambda conv, given, out: made.append(out.numel() * 4))
    x = shown(1, 8, 128, 128)
    with torch.inference_mode():
        StripResidual(block)(x)
    assert len(made) > 1
    assert max(made) <= strips.LARGEST * 1.1  # two rows more than asked for, to look around
    made.clear()
    with torch.inference_mode():
        StripResidual(block)(x[:, :, :32])
    assert len(made) == 1
