"""The network of FEAR against golden arrays of the published weights, and by hand."""

import numpy as np
import pytest
import torch

from fear_golden import PUBLISHED, published, random_fear, weights_file
from siamese_golden import golden_frame, met, siamese_golden
from spectrack.networks.folding import for_inference
from spectrack.trackers.fear.network import FEAR
from spectrack.weights.networks import load_network

SUMS = {"z": (1882959, 1558413, 1834789), "x": (7032029, 6791431, 6911095)}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rgb(bgr_hwc):
    return torch.from_numpy(bgr_hwc[..., ::-1].copy()).permute(2, 0, 1)[None].float()


def crops(pair):
    """The template and search crops of a golden pair, RGB (1, 3, H, W)."""
    if pair == "formula":
        frames = (
            golden_frame(128, 128, 7, 5, (21, 21, 85, 85)),
            golden_frame(256, 256, -9, 4, (100, 96, 56, 60)),
        )
        assert [tuple(f.sum((0, 1))) for f in frames] == list(SUMS.values())
    else:
        stored = siamese_golden("fear_net")
        frames = stored["AB_z_crop"], stored["AB_x_crop"]
    return [rgb(f) for f in frames]


def close(key, ours, tolerance=1e-5):
    peak = np.abs(siamese_golden("fear_net")[key].astype(np.float64)).max()
    met("fear_net", key, ours.detach(), atol=tolerance * peak)


@pytest.mark.parametrize("pair", ["formula", "AB"])
@pytest.mark.parametrize("training", PUBLISHED)
@pytest.mark.parametrize("fast", [False, True])
def test_outputs_are_golden(training, pair, fast):
    stored = siamese_golden("fear_net")
    network = for_inference(published(training)) if fast else published(training)
    template, search = crops(pair)
    with torch.inference_mode():
        z = network.encode(template)
        logits, distances = network.compare(z, network.encode(search))
    key = f"{training}_{pair}"
    halves = stored[f"{key}_z"].dtype == np.float16
    close(f"{key}_z", z, 5e-4 if halves else 1e-5)
    close(f"{key}_cls", logits)
    close(f"{key}_bbox", distances)
    np.testing.assert_allclose(distances[0].numpy(), stored[f"{key}_bbox"], rtol=1e-4)


@pytest.mark.parametrize("training", PUBLISHED)
def test_every_layer_is_golden(training):
    stored = siamese_golden("fear_net")
    network = published(training)
    seen = {}
    hooks = [
        m.register_forward_hook(lambda m, i, o, n=n: seen.__setitem__(n, (i[0].clone(), o.clone())))
        for n, m in network.named_modules()
    ]
    template, search = crops("formula")
    with torch.inference_mode():
        z = network.encode(template)
        network.compare(z, network.encode(search))
    for hook in hooks:
        hook.remove()
    linear = {"input", "neck"}
    prefix = f"{training}_formula_ms_"
    names = [k.removeprefix(prefix) for k in stored if k.startswith(prefix)]
    assert len(names) == 2 + 16 + 1 + 10
    for name in names:
        if name.endswith("_corr"):
            found = seen[name.replace("corr", "fuse")][0][:, 256:]
        else:
            found = seen[name.removesuffix(".out").removesuffix(".project")][1]
            found = seen[name][1] if name.endswith(".pw") else found
            if name == "stem" or name.endswith(".pw"):
                found = found.relu()
            else:
                assert name in linear or name.startswith("block")
        mean, std = found[0].mean((1, 2)), found[0].std((1, 2), correction=0)
        close(prefix + name, torch.stack([mean, std]))
    if training == "tracker":
        correlated = seen["cls_fuse"][0][0, 256 + 8 * 3 + 3]
        close("tracker_formula_cls_corr_t27", correlated)
        close("tracker_formula_neck_ch0_8", seen["neck"][1][0, :8])


@pytest.mark.parametrize("training", PUBLISHED)
def test_the_published_file_makes_the_network(training):
    network = load_network(str(weights_file(training)), FEAR).network
    counts = {"neck": 0, "head": 0, "backbone": 0}
    for name, value in network.named_parameters():
        first = name.split(".")[0]
        part = "head" if first[:3] in ("cls", "reg") else "neck" if first == "neck" else "backbone"
        counts[part] += value.numel()
    assert counts == {"neck": 28_928, "head": 586_757, "backbone": 732_920}


def test_a_picture_by_itself_is_one_of_a_batch():
    network = random_fear()
    chance = torch.Generator().manual_seed(1)
    z = 255 * torch.rand(2, 3, 128, 128, generator=chance)
    x = 255 * torch.rand(2, 3, 256, 256, generator=chance)
    with torch.inference_mode():
        both = network(z, x)
        single = network(z[1:], x[1:])
    for a, b in zip(both, single, strict=True):
        torch.testing.assert_close(a[1:], b, rtol=1e-3, atol=1e-5)
    assert both[0].shape == (2, 1, 16, 16)
    assert both[1].shape == (2, 4, 16, 16)
    assert (both[1] > 0).all()
