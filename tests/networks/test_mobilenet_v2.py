"""MobileNetV2: against direct sums, its own restored strides, and features of published weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from backbone_golden import FILES, SUMS, backbone_weights, formula_image, golden_features
from siamese_golden import meet
from spectrack.errors import InputError
from spectrack.networks.mobilenet_v2 import (
    InvertedResidual,
    MobileNetLayers,
    MobileNetV2,
    SameConv,
    normalised,
)
from spectrack.weights.described import make_network
from spectrack.weights.load import load_weights

TAPS = tuple(f"blocks.{n}" for n in ("2", "5", "6.expand", "9", "12", "13.expand", "15", "16"))


def direct(x: np.ndarray, conv: SameConv) -> np.ndarray:
    """A convolution of (C, H, W) by the definition, tap by tap in float64; zeros lie outside."""
    weight, bias = (p.detach().double().numpy() for p in (conv.weight, conv.bias))
    step, apart, size = conv.stride[0], conv.dilation[0], conv.kernel_size[0]
    height, width = (-(-n // step) for n in x.shape[1:])
    reach = (size - 1) * apart + 1
    before = [max((-(-n // step) - 1) * step + reach - n, 0) // 2 for n in x.shape[1:]]
    out = np.empty((len(weight), height, width))
    for o, kernel in enumerate(weight):
        first = o // (len(weight) // conv.groups) * weight.shape[1]
        for row, column in np.ndindex(height, width):
            total = bias[o]
            for c, i, j in np.ndindex(*kernel.shape):
                y = row * step - before[0] + i * apart
                z = column * step - before[1] + j * apart
                if 0 <= y < x.shape[1] and 0 <= z < x.shape[2]:
                    total += kernel[c, i, j] * x[first + c, y, z]
            out[o, row, column] = total
    return out


@pytest.mark.parametrize("size", [(6, 8), (7, 5), (8, 7), (1, 2)])
@pytest.mark.parametrize(
    ("kernel", "step", "apart", "groups"),
    [(3, 1, 1, 1), (3, 2, 1, 1), (3, 2, 1, 4), (3, 1, 2, 4), (3, 1, 4, 4), (1, 1, 1, 1)],
)
def test_a_convolution_is_the_sum_it_stands_for(size, kernel, step, apart, groups):
    torch.manual_seed(0)
    conv = SameConv(4, 4, kernel, step, dilation=apart, groups=groups).double()
    x = torch.randn(1, 4, *size, dtype=torch.float64)
    with torch.no_grad():
        np.testing.assert_allclose(conv(x)[0], direct(x[0].numpy(), conv), atol=1e-12)


@pytest.mark.parametrize(("size", "tap"), [(8, 0), (9, 1)])
def test_a_step_of_two_pads_an_even_size_behind_alone(size, tap):
    """What the first tap of an even size sees is the first pixel; of an odd one, the second tap."""
    conv = SameConv(1, 1, 3, 2)
    x = torch.arange(size * size).view(1, 1, size, size).float()
    with torch.no_grad():
        conv.weight.zero_()
        conv.bias.zero_()
        conv.weight[0, 0, tap, tap] = 1
        assert torch.equal(conv(x)[0, 0], x[0, 0, ::2, ::2])


@pytest.mark.parametrize(
    ("outputs", "stride", "adds"), [(3, 1, True), (3, 2, False), (4, 1, False)]
)
def test_a_block_widens_looks_narrows_and_adds(outputs, stride, adds):
    torch.manual_seed(0)
    block = InvertedResidual(3, outputs, 6, stride, 1).double()
    x = 4 * torch.randn(1, 3, 5, 6, dtype=torch.float64)
    wide = direct(x[0].numpy(), block.expand).clip(0, 6)
    seen = direct(wide, block.dw).clip(0, 6)
    expected = direct(seen, block.project) + (x[0].numpy() if adds else 0)
    assert (wide == 6).any()
    with torch.no_grad():
        np.testing.assert_allclose(block(x)[0], expected, atol=1e-12)


@pytest.mark.parametrize(
    ("width", "stride", "steps", "around"),
    [
        (1.0, 32, {1, 3, 6, 13}, {}),
        (1.0, 16, {1, 3, 6}, {14: 2, 15: 2, 16: 2}),
        (0.5, 8, {1, 3}, {**dict.fromkeys(range(7, 14), 2), 14: 4, 15: 4, 16: 4}),
        (0.5, 16, {1, 3, 6}, {14: 2, 15: 2, 16: 2}),
    ],
)
def test_strides_and_dilations_are_the_published_ones(width, stride, steps, around):
    network = MobileNetV2(width, stride)
    found = [(block.dw.stride[0], block.dw.dilation[0]) for block in network.blocks]
    assert found == [(2 if n in steps else 1, around.get(n, 1)) for n in range(17)]
    assert [n for n, b in enumerate(network.blocks) if b.adds] == [2, 4, 5, 7, 8, 9, 11, 12, 14, 15]
    count = sum(p.numel() for p in network.parameters())
    assert count == {1.0: 1_795_936, 0.5: 469_200}[width]


@pytest.mark.parametrize(("size", "offset"), [((160, 256), 1), ((129, 193), 0)])
@pytest.mark.parametrize(("dense", "restored"), [(16, 32), (8, 16)])
def test_a_restored_stride_gives_the_same_features_subsampled(size, offset, dense, restored):
    torch.manual_seed(0)
    whole, fast = MobileNetV2(0.125, dense).eval(), MobileNetV2(0.125, restored).eval()
    fast.load_state_dict(whole.state_dict())
    with torch.no_grad():
        x = torch.randn(1, 3, *size)
        expected = whole(x).last[:, :, offset::2, offset::2]
        found = fast(x).last
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, atol=1e-6 * float(expected.abs().max()), rtol=0)


def test_features_have_the_strides_they_are_named_by():
    network = MobileNetV2(0.125)
    with torch.no_grad():
        x = torch.randn(1, 3, 70, 99)
        features = network(x)
        again = network.from_stem(network.stem_maps(x))
    for name, maps, stride in (("at2", 2, 2), ("at4", 3, 4), ("at8", 4, 8), ("at16", 12, 16)):
        found = getattr(features, name)
        assert found.shape == (1, maps, -(-70 // stride), -(-99 // stride))
        assert torch.equal(found, getattr(again, name))
    assert features.last.shape == (1, 40, 3, 4)


def test_another_stride_is_refused():
    with pytest.raises(InputError, match="the output stride is 4; give 8, 16 or 32"):
        MobileNetV2(1.0, 4)


def test_bytes_become_the_networks_numbers():
    made = normalised(torch.tensor([0, 51, 255], dtype=torch.uint8))
    assert made.dtype == torch.float32
    torch.testing.assert_close(made, torch.tensor([-1.0, -0.6, 1.0]))


def features_at_taps(network: MobileNetV2, image: np.ndarray) -> dict[str, torch.Tensor]:
    """By tap: the features (C, H, W); those of an expansion after its ReLU6."""
    found: dict[str, torch.Tensor] = {}
    for tap in TAPS:
        module = network.get_submodule(tap)

        def keep(_: object, __: object, out: torch.Tensor, tap: str = tap) -> None:
            found[tap] = (F.relu6(out) if tap.endswith("expand") else out)[0]

        module.register_forward_hook(keep)
    with torch.no_grad():
        network(normalised(torch.from_numpy(image).permute(2, 0, 1)[None]))
    return found


@pytest.mark.parametrize("size", list(SUMS))
@pytest.mark.parametrize("name", list(FILES))
def test_features_of_published_weights_are_the_golden_ones(name, size):
    golden, file = golden_features(), backbone_weights(name)
    published = dict(file.about["network"])
    beginning, seen = f"{name}|{size[0]}x{size[1]}|", set()
    for stride in sorted({published["output_stride"], 16, 32}):
        network = make_network(published | {"output_stride": stride}).eval()
        load_weights(network, file)
        restored = "" if stride == published["output_stride"] else f"os{stride}|"
        for tap, features in features_at_taps(network, formula_image(*size)).items():
            found = features.double().numpy()
            arrays = {
                "meanstd": np.stack([found.mean((1, 2)), found.std((1, 2))]),
                "sub": found[:: max(1, len(found) // 12), ::5, ::5],
            }
            for kind, array in arrays.items():
                key = f"{beginning}{restored}{tap}|{kind}"
                if key in golden:
                    seen.add(key)
                    peak = np.abs(found).max()
                    meet("golden_backbones", key, array, golden[key], rtol=0, atol=1e-4 * peak)
    assert seen == {key for key in golden if key.startswith(beginning)}


@pytest.mark.parametrize("name", list(FILES))
def test_published_weights_have_the_golden_sums(name):
    key = f"{name}|weight_sums"
    tensors = backbone_weights(name).tensors
    layers = [key.removesuffix(".weight") for key in tensors if key.endswith(".weight")]
    sums = []
    for layer in layers:
        weight, bias = (tensors[f"{layer}.{kind}"].double() for kind in ("weight", "bias"))
        sums.append([weight.sum(), weight.abs().sum(), bias.sum(), bias.abs().sum()])
    stored = golden_features()[key]
    meet("golden_backbones", key, np.array(sums, float), stored, rtol=1e-12, atol=1e-9)


def test_layers_are_the_features_of_the_whole_network():
    whole, layers = MobileNetV2(0.5, 16).eval(), MobileNetLayers(0.5).eval()
    layers.start_from(whole)
    pictures = torch.randint(0, 256, (2, 3, 64, 80), dtype=torch.uint8)
    with torch.no_grad():
        full, found = whole(normalised(pictures)), layers(layers.normalise(pictures))
        assert list(layers(layers.normalise(pictures), ("layer2",))) == ["layer2"]
    for name, maps in {"conv1": "at2", "layer1": "at4", "layer2": "at8", "layer3": "at16"}.items():
        assert torch.equal(found[name], getattr(full, maps)), name
        assert found[name].shape[1] == layers.channels[name]


def test_layers_that_do_not_fit_are_told():
    layers = MobileNetLayers(0.5)
    with pytest.raises(InputError, match="same width"):
        layers.start_from(MobileNetV2(1.0))
    with pytest.raises(InputError, match="layer 'layer4'"):
        layers(torch.zeros(1, 3, 32, 32), ("layer4",))
