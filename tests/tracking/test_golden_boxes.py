"""IoU-Net and the climb of boxes on it, against golden arrays of ATOM, DiMP and PrDiMP."""

from __future__ import annotations

import pytest
import torch

from golden import Golden
from spectrack.networks.iou_net import AtomIoUNet
from spectrack.networks.resnet import ResNet, resnet18, resnet50
from spectrack.networks.search_maps import SearchMaps
from spectrack.tracking.box_refinement import RELATIVE, RefinementSettings, climb

LAYERS = ("layer2", "layer3")
REFERENCE = torch.tensor([[100.3, 90.2, 80.5, 60.1]])
BOXES = torch.tensor(
    [[82.0, 118, 72, 88], [70, 100, 90, 100], [200.5, 210.25, 120, 110], [-20, -10, 60, 50]]
)
LATER = torch.tensor([[[82.0, 118, 72, 88], [70, 100, 90, 100]],
                      [[120, 60, 90, 80], [60, 60, 150, 150]]])  # fmt: skip
INPUTS = {18: (128, 256), 50: (512, 1024)}


def built(golden: Golden, depth: int) -> tuple[ResNet, AtomIoUNet]:
    backbone = golden.fill(resnet18() if depth == 18 else resnet50(), "feature_extractor.")
    network = golden.fill(AtomIoUNet(INPUTS[depth]), "bb_regressor.")
    assert isinstance(backbone, ResNet)
    assert isinstance(network, AtomIoUNet)
    return backbone, network


@pytest.mark.parametrize(("name", "depth"), [("dimp18", 18), ("dimp50", 50), ("prdimp18", 18)])
@torch.inference_mode()
def test_dimp(golden: Golden, name: str, depth: int):
    backbone, network = built(golden, depth)
    images = torch.cat([golden.imagenet(f"{name}.im{i}", 288, 288) for i in range(3)])
    layer2, layer3 = backbone(images, LAYERS).values()
    modulation = network.reference(layer2[:1], layer3[:1], REFERENCE)
    golden.compare("dimp", f"{name}.mod3", modulation.fine_nc)
    golden.compare("dimp", f"{name}.mod4", modulation.coarse_nc)
    maps = network.test_maps(layer2[1:], layer3[1:])
    golden.compare("dimp", f"{name}.iou_feat3", maps.fine_nchw[:1])
    golden.compare("dimp", f"{name}.iou_feat4", maps.coarse_nchw[:1])
    target = maps.modulate(modulation)
    golden.compare("dimp", f"{name}.iou_forward", network.judge(target, LATER))
    first = SearchMaps(target.fine_nchw[:1], target.coarse_nchw[:1])
    scores, gradients = network.judge_and_gradient(first, BOXES[None])
    golden.compare("dimp", f"{name}.iou_pred", scores)
    golden.compare("dimp", f"{name}.iou_grad", gradients)
    for space, settings in (("default", RefinementSettings()), ("relative", RELATIVE)):
        boxes, last = climb(BOXES, lambda b: network.judge_and_gradient(first, b), settings)
        golden.compare("dimp", f"{name}.refine_{space}.boxes", boxes)
        golden.compare("dimp", f"{name}.refine_{space}.iou", last)


@torch.inference_mode()
def test_atom(golden: Golden):
    backbone, network = built(golden, 18)
    layer2, layer3 = backbone(golden.imagenet("atom.im", 288, 288), LAYERS).values()
    modulation = network.reference(layer2, layer3, REFERENCE)
    golden.compare("atom", "mod3", modulation.fine_nc)
    golden.compare("atom", "mod4", modulation.coarse_nc)
    target = network.test_maps(layer2, layer3).modulate(modulation)
    start = torch.tensor([[100.0, 90, 80, 60], [90, 80, 100, 80]])
    golden.compare("atom", "iou_pred", network.judge(target, start[None]))
    boxes, scores = climb(
        start, lambda boxes: network.judge_and_gradient(target, boxes), RefinementSettings()
    )
    golden.compare("atom", "refine.boxes", boxes)
    golden.compare("atom", "refine.iou", scores)
