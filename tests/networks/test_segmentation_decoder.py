"""The decoder against its formula written out, from the named parameters alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from spectrack.networks.segmentation_decoder import SegmentationDecoder
from thin import randomise

CHANNELS = {"layer1": 3, "layer2": 4, "layer3": 5, "layer4": 6}


def slow_decoder(
    p: dict[str, Tensor], encoding: Tensor, layers: dict[str, Tensor], size: tuple[int, int]
) -> Tensor:
    def conv(x: Tensor, name: str) -> Tensor:
        weight = p[f"{name}.weight"]
        return F.conv2d(x, weight, p.get(f"{name}.bias"), padding=weight.shape[-1] // 2)

    def resize(x: Tensor, like: Tensor | tuple[int, int], mode: str = "bilinear") -> Tensor:
        target = tuple(like.shape[-2:]) if isinstance(like, Tensor) else like
        return F.interpolate(x, target, mode=mode, align_corners=False)

    def refine(h: Tensor, name: str) -> Tensor:
        h = conv(h, f"{name}.conv1x1")
        b, n = conv(h, f"{name}.bblock.0"), f"{name}.bblock.1"
        mean, var = p[f"{n}.running_mean"], p[f"{n}.running_var"]
        b = F.batch_norm(b, mean, var, p[f"{n}.weight"], p[f"{n}.bias"], eps=1e-5).relu()
        return (h + conv(b, f"{name}.bblock.3")).relu()

    def gap(t: Tensor) -> Tensor:
        return t.mean((2, 3), keepdim=True)

    x: Tensor | None = None
    for level in ("layer4", "layer3", "layer2", "layer1"):
        features = layers[level]
        h = conv(features, f"TSE.{level}.reduce.0").relu()
        h = conv(h, f"TSE.{level}.reduce.2")
        deeper = gap(h) if x is None else conv(x, f"proj.{level}.0").relu()
        h = torch.cat((h, resize(encoding, features)), 1)
        for index in (0, 2, 4):
            h = conv(h, f"TSE.{level}.transform.{index}").relu()
        h = refine(h, f"RRB1.{level}")
        pooled = deeper if x is None else gap(deeper)
        a = conv(torch.cat((gap(h), pooled), 1), f"CAB.{level}.convreluconv.0").relu()
        a = conv(a, f"CAB.{level}.convreluconv.2").sigmoid()
        x = refine(h * a + resize(deeper, h), f"RRB2.{level}")
    assert x is not None
    x = resize(x, (2 * x.shape[-2], 2 * x.shape[-1]), "bicubic")
    x = resize(conv(x, "project.conv1").relu(), size, "bicubic")
    return conv(x, "project.conv2")


def test_decoder_is_the_plain_formula_for_any_size():
    decoder = randomise(SegmentationDecoder(CHANNELS, encoding=2, maps=4))
    for height, width in ((64, 96), (75, 91)):
        layers = {
            f"layer{i}": torch.randn(2, CHANNELS[f"layer{i}"], -(-height // s), -(-width // s))
            for i, s in ((1, 4), (2, 8), (3, 16), (4, 32))
        }
        encoding = torch.randn(2, 2, -(-height // 16), -(-width // 16))
        with torch.no_grad():
            logits = decoder(encoding, layers, (height, width))
            expected = slow_decoder(decoder.state_dict(), encoding, layers, (height, width))
        torch.testing.assert_close(logits, expected, atol=2e-5, rtol=1e-4)
