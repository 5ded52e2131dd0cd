"""NanoTrack's networks against golden arrays of the published weights, and with random ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from siamese_golden import GOLDEN, met, published_weights, siamese_golden
from spectrack.errors import InputError
from spectrack.networks.folding import for_inference
from spectrack.networks.siamese_correlation import depthwise_correlation, pixelwise_correlation
from spectrack.trackers.nanotrack.network import NanoTrack
from spectrack.weights.networks import load_network
from thin import randomise

VERSIONS = ["v1", "v2", "v3"]
# maximal differences from onnxruntime, over the greatest value: 1e-4 as the specification has it
TOLERANCE = 1e-4
HEAD = {
    "v1": {"corr": "corr_pw"},
    "v2": {"corr_cls": "corr_pw_cls", "corr_reg": "corr_pw_reg"},
    "v3": {
        f"{kind}_{branch}": f"{name}_{branch}"
        for branch in ("cls", "reg")
        for kind, name in (("pw", "corr_pw"), ("dw", "corr_dw"), ("fuse", "down"))
    },
}


def batch(crop_hwc: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(crop_hwc).permute(2, 0, 1)[None].float()


def near(key: str, value: torch.Tensor) -> None:
    peak = np.abs(siamese_golden("nanotrack_net")[key]).max()
    met("nanotrack_net", key, value[0], atol=TOLERANCE * peak)


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
@torch.inference_mode()
def test_published_weights_give_the_golden_maps(version, folded):
    golden = siamese_golden("nanotrack_net")
    network = load_network(str(published_weights(f"nanotrack/nanotrack{version}.pth")), NanoTrack)
    found = network.network
    assert found.version == version
    if folded:
        found = for_inference(found)
    seen = {}
    stages = {f"features{i}": m for i, m in enumerate(found.backbone.features)}
    stages |= {f"head_{k}": getattr(found.ban_head, m) for k, m in HEAD[version].items()}
    template = found.extract(batch(golden["z_crop"]))
    for name, module in stages.items():
        module.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
    search = found.extract(batch(golden["x_crop"]))
    logits, sides = found.answer(template, search)
    near(f"{version}_z", template)
    near(f"{version}_x", search)
    near(f"{version}_cls", logits)
    near(f"{version}_loc", sides)
    assert logits.shape[-1] == found.cells
    listed = {k for k in golden if k.startswith(version) and k.endswith("_meanstd")}
    assert {f"{version}_{name}_meanstd" for name in seen} == listed
    for name, maps in seen.items():
        both = torch.stack([maps[0].mean((1, 2)), maps[0].std((1, 2), correction=0)])
        peak = maps.abs().max().item()
        met("nanotrack_net", f"{version}_{name}_meanstd", both, atol=TOLERANCE * peak)


@pytest.mark.parametrize("version", VERSIONS)
def test_parameters_match_by_name_and_shape(version):
    listed = GOLDEN.parent / f"params_nanotrack_{version}.txt"
    if not listed.is_file():
        pytest.skip(f"{listed.name} not found in {listed.parent}; set SPECTRACK_SPEC")
    rows = [line.split(" ", 1) for line in listed.read_text(encoding="utf-8").splitlines()]
    expected = {name: rest.split(")")[0].strip("( ,") for name, rest in rows}
    with torch.device("meta"):
        state = NanoTrack(version).state_dict()
    assert {k: ", ".join(map(str, v.shape)) for k, v in state.items()} == expected


@pytest.mark.parametrize("version", VERSIONS)
@torch.inference_mode()
def test_folding_changes_nothing_and_the_grid_is_as_told(version):
    network = randomise(NanoTrack(version))
    template, search = torch.rand(2, 3, 127, 127) * 4, torch.rand(2, 3, 255, 255) * 4
    logits, sides = network(template, search)
    n = network.cells
    assert logits.shape == (2, 2, n, n)
    assert sides.shape == (2, 4, n, n)
    assert (sides > 0).all()
    folded = for_inference(network)
    head = [m for name, m in folded.named_modules() if not name.startswith("neck")]
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in head)
    for a, b in zip(folded(template, search), (logits, sides), strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)


def test_correlations_are_what_their_loops_say(rng):
    z = rng.standard_normal((2, 3, 4, 5)).astype(np.float32)
    x = rng.standard_normal((2, 3, 6, 7)).astype(np.float32)
    cells = pixelwise_correlation(torch.from_numpy(z), torch.from_numpy(x)).numpy()
    for row in range(4):
        for column in range(5):
            expected = (z[:, :, row, column, None, None] * x).sum(1)
            np.testing.assert_allclose(cells[:, row * 5 + column], expected, atol=1e-5)
    maps = depthwise_correlation(torch.from_numpy(z), torch.from_numpy(x), padding=1).numpy()
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    assert maps.shape == (2, 3, 5, 5)
    for i in range(5):
        for j in range(5):
            expected = (padded[:, :, i : i + 4, j : j + 5] * z).sum((2, 3))
            np.testing.assert_allclose(maps[:, :, i, j], expected, atol=1e-5)


def test_a_version_that_is_none_is_told():
    with pytest.raises(InputError, match="give v1, v2, v3"):
        NanoTrack("v4")
