"""STARK's network against golden arrays with weights made from names, and a whole checkpoint.

The two golden networks share all weights: STARK-S is STARK-ST without its score head, before one
template in place of two.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from siamese_golden import siamese_golden
from siamese_scheme import (
    FULL,
    UNIT,
    fill,
    first_picture,
    image,
    listed_parameters,
    near,
    second_picture,
    unit,
)
from spectrack.errors import InputError
from spectrack.structures import Target
from spectrack.trackers.stark.network import LAYER, STARK, Answer, stark
from spectrack.tracking.table import make_tracker
from spectrack.weights.networks import load_network

NAMES = {"s": "starks50", "st": "starkst50"}
TEMPLATES = {"s": 1, "st": 2}


@pytest.fixture(scope="module")
def network():
    """STARK-ST50."""
    made = stark(50, scores=True)
    return fill(made, kept=[name for name in made.state_dict() if name.endswith("in_proj_bias")])


@pytest.fixture(scope="module")
def crops(network):
    """Tokens of the first template, a second one at the left rim, and a search region."""

    def tokens(name, side, rows, columns):
        pixels = image(f"input/stark/{name}", side, side, 3).permute(2, 0, 1)[None]
        outside = torch.zeros(1, side, side, dtype=torch.bool)
        outside[:, rows], outside[..., columns] = True, True
        return network.encode(pixels, outside)

    none = slice(0)
    with torch.inference_mode():
        return (
            tokens("template", 128, none, none),
            tokens("template2", 128, none, slice(30)),
            tokens("search", 320, slice(70), slice(290, None)),
        )


def as_golden(tokens_bnc):
    """(B, N, C) as (N, B, C)."""
    return tokens_bnc.transpose(0, 1)


def centred(answer: Answer):
    """Corners as centres and sizes, (B, 1, 4)."""
    first, last = answer.corners[:, :2], answer.corners[:, 2:]
    return torch.cat([(first + last) / 2, last - first], 1)[:, None]


@pytest.mark.parametrize("kind", NAMES)
@torch.inference_mode()
def test_the_whole_network_is_the_reference(network, crops, kind):
    file = f"{NAMES[kind]}_net"
    siamese_golden(file)  # or skip
    template, search = crops[0], crops[-1]
    near(file, "feat_z", as_golden(template.values)[..., ::4], FULL)
    near(file, "feat_x_sub", as_golden(search.values)[::3, :, ::8], FULL)
    near(file, "pos_z", as_golden(template.positions)[..., ::4], UNIT)
    near(file, "pos_x_masked_sub", as_golden(search.positions)[::3, :, ::8], UNIT)
    near(file, "mask_x", ~search.seen, 0)
    seen = []
    hook = network.transformer.register_forward_hook(lambda m, i, out: seen.extend(out))
    answer = network.locate(crops[: TEMPLATES[kind]], search)
    hook.remove()
    near(file, "encoder_memory_sub", as_golden(seen[0])[::5, :, ::8], FULL)
    near(file, "decoder_out", seen[1][None], FULL)
    near(file, "pred_boxes_cxcywh", centred(answer), FULL)
    if kind == "st":
        near(file, "pred_logits", answer.logits[:, None, None], FULL)


@pytest.mark.parametrize("biased", [False, True], ids=["unbiased", "biased"])
@pytest.mark.parametrize("kind", NAMES)
@torch.inference_mode()
def test_the_transformer_at_unit_scale_is_the_reference(network, kind, biased):
    file = f"{NAMES[kind]}_net"
    number = 400 + 64 * TEMPLATES[kind]
    tokens, positions = (
        unit(f"input/stark/unit_{name}", number, 1, 256).transpose(0, 1) for name in ("feat", "pos")
    )
    biases = {k: p for k, p in network.named_parameters() if k.endswith("in_proj_bias")}
    assert len(biases) == 18
    try:
        for name, bias in biases.items():
            bias.copy_(0.1 * unit(name, *bias.shape) if biased else torch.zeros_like(bias))
        memory, found = network.transformer(tokens, positions, network.query_embed.weight[None])
    finally:
        for bias in biases.values():
            bias.zero_()
    corners = network.corners(memory[:, -400:], found)
    name = "unit_ipb" if biased else "unit"
    near(file, f"{name}_decoder_out", found[None], UNIT)
    near(file, f"{name}_pred_boxes", centred(Answer(corners, None)), UNIT)
    if kind == "st" and not biased:
        near(file, "unit_pred_logits", network.cls_head(found[:, 0])[:, None, None], UNIT)


@pytest.mark.parametrize("kind", NAMES)
@torch.inference_mode()
def test_backbone_and_corners_at_unit_scale_are_the_reference(network, kind):
    file = f"{NAMES[kind]}_net"
    maps = network.body(unit("input/stark/backbone_unit", 1, 3, 128, 128), (LAYER,))[LAYER]
    near(file, "backbone_unit_sub", maps[:, ::16], UNIT)
    features = 0.05 * unit("input/stark/corner_feat", 2, 256, 20, 20)
    for name, logits in zip(("tl", "br"), network.box_head.maps(features), strict=True):
        near(file, f"corner_{name}", logits, UNIT)
    near(file, "corner_xyxy", network.box_head(features), UNIT)


@pytest.mark.parametrize("kind", NAMES)
def test_parameters_match_by_name_and_shape(kind):
    with torch.device("meta"):
        state = stark(50, scores=kind == "st").state_dict()
    assert {k: tuple(v.shape) for k, v in state.items()} == listed_parameters(NAMES[kind])


def test_the_deeper_one_has_17_blocks_more_in_its_last_layer():
    with torch.device("meta"):
        deep, plain, without = stark(101, scores=True), stark(50, scores=True), stark(50)
    assert (deep.variant, plain.variant, without.variant) == ("st101", "st50", "s50")
    names, fewer = set(deep.state_dict()), set(plain.state_dict())
    assert fewer < names
    start = f"backbone.0.body.{LAYER}."
    assert all(name.startswith(start) for name in names - fewer)
    assert {int(name.split(".")[4]) for name in names - fewer} == set(range(6, 23))


def test_a_checkpoint_converts_loads_strictly_and_tracks(network, spectrack, tmp_path):
    """As the authors save it: the state in ``net``, beside what a training keeps."""
    checkpoint, out = tmp_path / "STARKST_ep0050.pth.tar", tmp_path / "st50.safetensors"
    saved = {"epoch": 50, "net_type": "STARKST", "net": network.state_dict(), "optimizer": {}}
    torch.save(saved, checkpoint)
    ran = spectrack("weights", "convert", checkpoint, "--out", out)
    assert ran.status == 0
    assert ran.out.startswith(f"{out}: 466 tensors\nfits stark_st50")
    loaded = load_network(str(out), STARK).network.state_dict()
    assert loaded.keys() == network.state_dict().keys()
    assert all(torch.equal(loaded[name], value) for name, value in network.state_dict().items())
    tracker = make_tracker("stark-st50", weights=str(checkpoint), device="cpu")
    tracker.init(first_picture(), Target((101, 81, 50, 70)))
    answers = [tracker.update(frame) for frame in (second_picture(), first_picture())]
    for answer in answers:
        assert np.isfinite(list(answer.box)).all()
        assert 0 <= answer.score <= 1
    with pytest.raises(InputError, match="use tracker stark-st50"):
        make_tracker("stark-s50", weights=str(out), device="cpu")


@pytest.mark.parametrize("variant", ["s50", "st50", "st101"])
def test_without_weights_it_says_how_to_get_them(variant, tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path))
    told = f"get them by: spectrack weights pull stark_{variant} --from FILE_OR_URL"
    with pytest.raises(InputError, match=told):
        make_tracker(f"stark-{variant}", device="cpu")
