"""IoU-Net: its parameters, and its closed gradient against automatic differentiation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from golden import Golden
from spectrack.errors import InputError
from spectrack.networks.folding import for_inference
from spectrack.networks.iou_net import AtomIoUNet
from spectrack.networks.lenient_norm import LenientBatchNorm2d
from spectrack.networks.search_maps import SearchMaps
from thin import randomise

INPUTS = {18: (128, 256), 50: (512, 1024)}


@pytest.mark.parametrize("name", ["atom_resnet18", "dimp50"])
def test_parameters_match_by_name_and_shape(golden: Golden, name: str):
    with torch.device("meta"):
        state = AtomIoUNet(INPUTS[50 if "50" in name else 18]).state_dict()
    listed = golden.parameters(name)
    ours = {f"bb_regressor.{key}": tuple(value.shape) for key, value in state.items()}
    assert ours == {key: shape for key, shape in listed.items() if key.startswith("bb_regressor.")}


def small(dtype: torch.dtype = torch.float64) -> tuple[AtomIoUNet, SearchMaps, Tensor]:
    """A thin network, modulated maps of two images of unlike sides, and three boxes in each."""
    network = randomise(AtomIoUNet((6, 10), maps=8)).to(dtype)
    chance = torch.Generator().manual_seed(2)
    layer2 = torch.randn((2, 6, 12, 10), generator=chance, dtype=dtype)
    layer3 = torch.randn((2, 10, 6, 5), generator=chance, dtype=dtype)
    reference = network.reference(
        layer2[:1], layer3[:1], torch.tensor([[20.0, 30, 30, 24]]).to(dtype)
    )
    maps = network.test_maps(layer2, layer3).modulate(reference)
    boxes = torch.tensor([[[21.3, 33.1, 25.7, 20.9], [-9.5, 60.3, 40, 50], [30, 20, 4.4, 61]]])
    return network, maps, torch.cat((boxes, boxes + 3.7)).to(dtype)


@pytest.mark.parametrize("folded", [False, True])
def test_closed_gradient_is_that_of_automatic_differentiation(folded: bool):
    network, maps, boxes = small()
    used = for_inference(network) if folded else network
    asked = boxes.clone().requires_grad_()
    expected = network.judge(maps, asked)
    (gradient,) = torch.autograd.grad(expected.sum(), asked)
    scores, closed = used.judge_and_gradient(maps, boxes)
    torch.testing.assert_close(scores, expected.detach())
    torch.testing.assert_close(closed, gradient)


def test_boxes_and_images_do_not_know_each_other():
    network, maps, boxes = small()
    together = network.judge(maps, boxes)
    for image in range(2):
        alone = SearchMaps(maps.fine_nchw[image : image + 1], maps.coarse_nchw[image : image + 1])
        for box in range(3):
            score = network.judge(alone, boxes[image : image + 1, box : box + 1])
            torch.testing.assert_close(score[0, 0], together[image, box])


@pytest.mark.parametrize(
    "near", [(20.0, 33.0, 50.0, 70.0), (-9.0, -20.0, 31.0, 40.0), (44.0, 60.0, 200.0, 300.0)]
)
def test_maps_of_a_part_are_those_of_the_whole(near: tuple[float, float, float, float]):
    network = small()[0]
    chance = torch.Generator().manual_seed(6)
    layer2 = torch.randn((1, 6, 12, 10), generator=chance, dtype=torch.float64)
    layer3 = torch.randn((1, 10, 6, 5), generator=chance, dtype=torch.float64)
    whole, part = network.test_maps(layer2, layer3), network.test_maps_near(layer2, layer3, near)
    assert part.fine_nchw.numel() < whole.fine_nchw.numel()
    left, top, right, bottom = near
    inside = [left, top, right - left, bottom - top]
    inner = [left + 3.3, top + 5.1, right - left - 4, bottom - top - 9]
    boxes = torch.tensor([[inside, inner]], dtype=torch.float64)
    assert part.cover(boxes)
    for ours, theirs in zip(
        network.judge_and_gradient(part, boxes),
        network.judge_and_gradient(whole, boxes),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_what_a_part_does_not_cover():
    network = small()[0]
    layer2, layer3 = torch.randn(1, 6, 12, 10).double(), torch.randn(1, 10, 6, 5).double()
    part = network.test_maps_near(layer2, layer3, (16.0, 32.0, 48.0, 64.0))
    whole = network.test_maps(layer2, layer3)

    def covered(*box: float) -> bool:
        boxes = torch.tensor([[[20.0, 40, 10, 10], box]], dtype=torch.float64)
        assert whole.cover(boxes)
        return part.cover(boxes)

    assert covered(16, 32, 32, 32)
    assert not covered(15, 32, 32, 32)
    assert not covered(16, 31, 32, 32)
    assert not covered(16, 32, 33, 32)
    assert not covered(16, 32, 32, 33)
    assert not covered(60, 40, -50, 10)
    assert not covered(float("nan"), 32, 32, 32)
    # beyond the image there is nothing to hold
    rim = network.test_maps_near(layer2, layer3, (40.0, 60.0, 100.0, 120.0))
    assert rim.cover(torch.tensor([[[42.0, 62, 900, 900]]]).double())
    assert not rim.cover(torch.tensor([[[-20.0, 62, 5, 9]]]).double())


def test_modulating_maps_equals_modulating_what_is_pooled():
    network, _, boxes = small()
    chance = torch.Generator().manual_seed(3)
    layer2 = torch.randn((1, 6, 12, 10), generator=chance, dtype=torch.float64)
    layer3 = torch.randn((1, 10, 6, 5), generator=chance, dtype=torch.float64)
    modulation = network.reference(layer2, layer3, boxes[0, :1])
    maps = network.test_maps(layer2, layer3)
    plain: list[Tensor] = []
    hooks = [
        block.register_forward_pre_hook(lambda _, given: plain.append(given[0]))
        for block in (network.fc3_rt, network.fc4_rt)
    ]
    network.judge(maps, boxes[:1])
    for hook in hooks:
        hook.remove()
    out = [
        block((pooled.view(3, 8, -1) * factor[0, :, None]).flatten(1))
        for block, pooled, factor in zip(
            (network.fc3_rt, network.fc4_rt),
            plain,
            (modulation.fine_nc, modulation.coarse_nc),
            strict=True,
        )
    ]
    expected = network.iou_predictor(torch.cat(out, 1)).view(1, 3)
    torch.testing.assert_close(network.judge(maps.modulate(modulation), boxes[:1]), expected)


def test_references_are_averaged():
    network, _, boxes = small()
    layer2, layer3 = torch.randn(3, 6, 12, 10).double(), torch.randn(3, 10, 6, 5).double()
    each = network.reference(layer2, layer3, boxes[0])
    mean = each.mean()
    torch.testing.assert_close(mean.fine_nc[0], each.fine_nc.sum(0) / 3)
    torch.testing.assert_close(mean.coarse_nc[0], each.coarse_nc.sum(0) / 3)


def test_no_closed_gradient_while_training():
    network, maps, boxes = small()
    with pytest.raises(InputError, match="training mode"):
        network.train().judge_and_gradient(maps, boxes)


def test_one_reference_image_is_enough_in_training():
    """As the last batch of an epoch may have one sample; statistics stay where there are none."""
    network = randomise(AtomIoUNet((6, 10), maps=8)).train()
    before = network.fc34_3r[1].running_mean.clone()
    layers = torch.randn(1, 6, 12, 10), torch.randn(1, 10, 6, 5)
    target = network.reference(*layers, torch.tensor([[20.0, 30, 30, 24]]))
    assert torch.equal(network.fc34_3r[1].running_mean, before)
    together = network.reference(
        *(layer.repeat(2, 1, 1, 1) for layer in layers),
        torch.tensor([[20.0, 30, 30, 24], [9, 9, 20, 20]]),
    )
    assert not torch.equal(network.fc34_3r[1].running_mean, before)
    for found in (target.fine_nc, together.fine_nc):
        assert found.isfinite().all()
        found.sum().backward()


def test_a_single_value_is_normalised_as_in_evaluation():
    norm = randomise(LenientBatchNorm2d(5))
    x = torch.randn(1, 5, 1, 1)
    truth = norm.eval()(x)
    torch.testing.assert_close(norm.train()(x), truth)
    plain = torch.nn.BatchNorm2d(5).train()
    plain.load_state_dict(norm.state_dict())
    many = torch.randn(2, 5, 1, 1)
    assert torch.equal(norm(many), plain(many))
