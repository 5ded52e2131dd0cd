"""The networks of pixel-wise tracking: Table 1, and every path against its plain form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from small_pixelwise import DESCRIBED, LIKE_THE_PAPER, small_pixelwise
from spectrack.errors import InputError
from spectrack.networks.mobilenet_v2 import MobileNetV2
from spectrack.networks.vgg import VGG
from spectrack.trackers.pixelwise.extractors import EXTRACTORS, extracted, make_extractor
from spectrack.trackers.pixelwise.global_attention import Attention
from spectrack.trackers.pixelwise.local_segmentation import DILATION, LocalSegmentation
from spectrack.trackers.pixelwise.region import theta_of_map
from spectrack.trackers.pixelwise.settings import NETWORKS
from spectrack.weights.described import make_network

LOCAL, GLOBAL = "local_segmentation.", "global_attention."


@pytest.fixture(params=[DESCRIBED, LIKE_THE_PAPER], ids=["small", "paper"])
def network(request):
    return small_pixelwise(request.param)


def test_the_sizes_are_those_of_table_1():
    with torch.device("meta"):
        state = make_network(NETWORKS["paper"]).state_dict()
    shapes = {name: tuple(t.shape) for name, t in state.items()}
    wanted = {
        LOCAL + "m_cnn.0.weight": (1024, 1024, 3, 3),
        LOCAL + "m_cnn.2.weight": (1024, 1024, 3, 3),
        LOCAL + "f_cnn.0.weight": (512, 512, 3, 3),
        LOCAL + "f_cnn.2.weight": (512, 512, 3, 3),
        LOCAL + "layers.0.of_input.weight": (4 * 256, 512, 3, 3),
        LOCAL + "layers.1.of_hidden.weight": (4 * 256, 256, 3, 3),
        LOCAL + "layers.1.peepholes": (3, 256, 14, 14),
        LOCAL + "decoder.0.weight": (256, 128, 5, 5),
        LOCAL + "decoder.1.weight": (128, 64, 5, 5),
        LOCAL + "decoder.2.weight": (64, 32, 5, 5),
        LOCAL + "decoder.3.weight": (32, 1, 5, 5),
        GLOBAL + "layers.0.peepholes": (3, 64, 14, 14),
        GLOBAL + "layers.1.of_input.weight": (4 * 64, 64, 3, 3),
        GLOBAL + "full1.weight": (1024, 64 * 14 * 14),
        GLOBAL + "full2.weight": (3, 1025),
    }
    assert {name: shapes[name] for name in wanted} == wanted
    convolutions = [s for n, s in shapes.items() if ".convolutions." in n and len(s) == 4]
    assert [s[0] for s in convolutions] == [8, 8, 16, 16, 32, 32, 64, 64]
    extractor = [s for n, s in shapes.items() if ".extractor." in n and len(s) == 4]
    assert len(extractor) == 10
    assert extractor[-1] == (512, 512, 3, 3)


def test_only_the_extractor_does_not_learn(network):
    for name, parameter in network.named_parameters():
        assert parameter.requires_grad != (".extractor." in name), name


def frames(steps=3, batch=2, side=32):
    chance = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (steps, batch, 3, side, side), generator=chance)
    masks = torch.zeros(batch, 1, side, side)
    masks[:, :, 8:20, 10:24] = 1
    return images.to(torch.uint8), masks


@torch.no_grad()
def test_frames_in_a_row_are_frames_one_by_one(network):
    local = network.local_segmentation
    images, masks = frames()
    memory = local.start(images[0], masks)
    rows, last = local.unroll(images, memory)
    assert rows.shape == (3, 2, 32, 32)
    for image, row in zip(images, rows, strict=True):
        logits, memory = local(image, memory)
        torch.testing.assert_close(logits, row, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(memory[1].cell, last[1].cell, atol=1e-5, rtol=1e-4)
    assert rows.std() > 1e-4
    assert not torch.allclose(rows[0], rows[1])


@torch.no_grad()
def test_a_frame_is_the_stages_of_figure_2():
    """The paper's form stage by stage: VGG whole, convolutions and gates called by hand."""
    network = small_pixelwise(LIKE_THE_PAPER)
    local = network.local_segmentation
    images, masks = frames(1)
    vgg = VGG([4, 8, 16, 32]).eval()
    vgg.load_state_dict(local.extractor.network.state_dict())
    x = vgg.normalise(images[0])
    grown = F.max_pool2d(masks, DILATION, 1, DILATION // 2)
    masked = vgg.features[:4](x) * grown
    features = [vgg(x), vgg.features[4:](masked)]
    h1, c1, h2, c2 = torch.tanh(
        local.m_cnn[2](F.relu(local.m_cnn[0](torch.cat(features, 1))))
    ).split(6, 1)
    memory = local.start(images[0], masks)
    for one, other in zip((h1, c1, h2, c2), (*memory[0], *memory[1]), strict=True):
        torch.testing.assert_close(one, other)
    x = torch.tanh(local.f_cnn[2](F.relu(local.f_cnn[0](features[0]))))
    for layer, state in zip(local.layers, memory, strict=True):
        x = layer(x, state).hidden
    for number, layer in enumerate(local.decoder):
        x = layer(x if number == 0 else F.leaky_relu(x))
    torch.testing.assert_close(local(images[0], memory)[0], x[:, 0], atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_first_mask_says_what_is_remembered(network):
    local = network.local_segmentation
    images, masks = frames(1)
    other = masks.flip(3)
    assert not torch.allclose(
        local.start(images[0], masks)[0].cell, local.start(images[0], other)[0].cell
    )
    whole = torch.ones_like(masks)
    # grown by seven pixels each way, a mask up to seven pixels from the rim is all there is
    nearly = F.pad(torch.ones(2, 1, 18, 18), (7, 7, 7, 7))
    torch.testing.assert_close(local.start(images[0], whole), local.start(images[0], nearly))


@torch.no_grad()
def test_maps_in_a_row_are_maps_one_by_one(network):
    attend = network.global_attention
    maps = torch.rand(4, 2, 32, 32, generator=torch.Generator().manual_seed(0))
    maps[2] = 0
    aspect = torch.tensor([1.8, 0.7])
    start = Attention(None, torch.tensor([[0.3, 0.1, -0.1]] * 2))
    rows, last = attend.unroll(maps, aspect, start)
    now = start
    for one, row in zip(maps, rows, strict=True):
        theta, now = attend(one, aspect, now)
        torch.testing.assert_close(theta, row, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(now.theta_n3, last.theta_n3, atol=1e-5, rtol=1e-4)
    # the same maps of frames of another shape are answered otherwise
    other, _ = attend.unroll(maps, aspect.flip(0), start)
    assert not torch.allclose(other, rows)


@torch.no_grad()
def test_an_untrained_network_leaves_the_anchor_on_the_last_map():
    attend = make_network(DESCRIBED).global_attention
    maps = torch.zeros(2, 1, 32, 32)
    maps[0, :, 4:9, 20:27] = 1
    aspect, theta = torch.tensor([1.5]), torch.tensor([[0.5, 0.0, 0.0]])
    rows, _ = attend.unroll(maps, aspect, Attention(None, theta))
    torch.testing.assert_close(rows[0], theta_of_map(maps[0], aspect, theta))
    torch.testing.assert_close(rows[1], rows[0])  # nothing is seen: where it was
    absolute = make_network(LIKE_THE_PAPER).global_attention
    rows, _ = absolute.unroll(maps, aspect, Attention(None, theta))
    torch.testing.assert_close(rows[0], torch.tensor([[1.0, 0.0, 0.0]]))


@torch.no_grad()
def test_mobilenet_is_cut_and_put_together_again():
    whole = MobileNetV2(0.25).eval()
    part = make_extractor("mobilenet_v2", 0.25)
    prefixed = {f"backbone.{name}": t for name, t in whole.state_dict().items()}
    for tensors in (whole.state_dict(), prefixed):
        part.take(tensors)
        image = torch.randint(0, 256, (1, 3, 64, 64), generator=torch.Generator().manual_seed(0))
        seen = whole(image.float() / 127.5 - 1)
        found = part.late(part.early(image.to(torch.uint8)))
        torch.testing.assert_close(found.deep[:, :24], seen.at16)
        torch.testing.assert_close(found.deep[:, 24:], F.avg_pool2d(seen.at8, 2))
        torch.testing.assert_close(found.finer, (seen.at2, seen.at4, seen.at8))
    with pytest.raises(InputError, match=r"blocks.0.dw.weight is missing"):
        part.take({n: t for n, t in whole.state_dict().items() if "blocks.0.dw" not in n})


@torch.no_grad()
@pytest.mark.parametrize("name", EXTRACTORS)
def test_many_pictures_are_seen_as_all_at_once(name):
    part = make_extractor(name, 0.25)
    images = torch.randint(0, 256, (5, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    deep, finer = extracted(part, images)
    wanted = part.late(part.early(images))
    torch.testing.assert_close(deep, wanted.deep)
    torch.testing.assert_close(finer, wanted.finer)
    assert len(extracted(part, images[:1]).deep) == 1


def test_what_does_not_fit_is_told():
    with pytest.raises(InputError, match="multiple of 16"):
        LocalSegmentation(side=40)
    with pytest.raises(InputError, match="vgg16, mobilenet_v2"):
        LocalSegmentation("resnet")
    with pytest.raises(InputError, match="multiple of 16"):
        make_network(DESCRIBED | {"map_side": 33})


def test_without_peepholes_regions_of_any_size_can_be_seen():
    with torch.no_grad():
        local = small_pixelwise(DESCRIBED | {"peepholes": False}).local_segmentation
        images, masks = frames(1, side=48)
        logits, _ = local(images[0], local.start(images[0], masks))
    assert logits.shape == (2, 48, 48)
    assert np.isfinite(logits.numpy()).all()
