"""Every golden array of the backbones, RTS, STA, LWL and of pooling, computed by our networks.

The tests compare them one by one, and ``benchmarks/golden.py`` prints their errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from golden import Golden
from spectrack.networks.pooling import prroi_pool
from spectrack.networks.resnet import ResNet, caffe_resnet50, resnet18, resnet50
from spectrack.networks.sta import sta
from spectrack.trackers.lwl.network import lwl
from spectrack.trackers.rts.network import RTS, rts50

SIZE = (160, 288)
BOX = [96.0, 48.0, 96.0, 64.0]
BOXES = [BOX, [100.0, 40.0, 90.0, 70.0], [60.0, 60.0, 100.0, 60.0]]
SHARES = torch.tensor([0.5, 0.2, 0.3])
FRAMES = ("train0", "test0", "test1")

Arrays = Iterator[tuple[str, Tensor]]


def label(box: list[float]) -> Tensor:
    """The Gaussian label (6, 10) of a box, written out cell by cell."""
    x, y, w, h = box
    sigma = 0.15 * math.sqrt(9 * 5)
    centre_x = 9 * ((x + w / 2 - SIZE[1] / 2) / SIZE[1]) + 0.5
    centre_y = 5 * ((y + h / 2 - SIZE[0] / 2) / SIZE[0]) + 0.5
    cells = torch.empty(6, 10, dtype=torch.float64)
    for row in range(6):
        for column in range(10):
            dx, dy = column - 4 - centre_x, row - 2 - centre_y
            cells[row, column] = math.exp(-(dx**2 + dy**2) / (2 * sigma**2))
    return cells.float()


def backbones(golden: Golden) -> Arrays:
    """backbone.npz."""
    read = {True: golden.bgr, False: golden.imagenet}
    networks = {"mrcnn50": caffe_resnet50, "resnet50": resnet50, "resnet18": resnet18}
    for name, make in networks.items():
        network = golden.fill(make(), "feature_extractor.")
        assert isinstance(network, ResNet)
        # The reference calls "conv1" what comes after the max pool in Caffe2's network.
        conv1 = "pool" if network.caffe else "conv1"
        layers = ("layer1", "layer2", "layer3", "layer4")
        maps = network(read[network.caffe]("bb", 96, 128), (conv1, *layers))
        yield from ((f"{name}.{key}", maps[conv1 if key == "conv1" else key]) for key in
                    ("conv1", *layers))  # fmt: skip


def rts(golden: Golden) -> Arrays:
    """rts.npz, from the weights of rts50."""
    network = golden.fill(rts50())
    assert isinstance(network, RTS)
    layers = {name: network.extract(golden.bgr(f"rts.{name}")) for name in FRAMES}
    f = {name: network.target_features(maps["layer3"]) for name, maps in layers.items()}
    g = {name: network.instance_features(maps["layer3"]) for name, maps in layers.items()}
    mask = golden.rect(96, 48, 96, 64)
    labels, weights = network.encode_masks(mask)
    yield from (("feat_tm.train", f["train0"]), ("feat_tm.test0", f["test0"]))
    yield from (("label_enc", labels), ("label_sw", weights))

    learn = network.target_model.filter_optimizer
    found = learn(f["train0"][:, None], labels[:, None], weights[:, None], 20, keep=True)
    tau = found.filters[0]
    yield "seg.filter20", found.filters
    yield "seg.filter5", found.iterates[5]
    yield "seg.iter_norms", torch.stack([i.norm() for i in found.iterates])
    yield "seg.losses", found.losses
    for name in ("test0", "test1"):
        yield f"seg.enc_{name}", network.encode_target(tau, f[name])

    first = network.first_instance_filter(g["train0"], torch.tensor([BOX]))
    learned = network.classifier.learn(
        first[None, None], g["train0"][:, None], label(BOX)[None, None], None, 10, keep=True
    )
    kappa = learned.filters[0, 0]
    scores = {name: network.instance_scores(kappa, g[name]) for name in ("test0", "test1")}
    yield from (("clf.feat_train", g["train0"]), ("clf.feat_test0", g["test0"]))
    yield from (("clf.init_filter", first), ("clf.train_label", label(BOX)))
    yield from (("clf.filter10", kappa), ("clf.filter10_minus_init", kappa - first))
    yield "clf.iter_norms", torch.stack([i.norm() for i in learned.iterates])
    yield "clf.losses", learned.losses
    yield from ((f"clf.scores_{name}", value) for name, value in scores.items())
    all_g = torch.cat([g[name] for name in FRAMES])
    yield "clf.init_filter_3img", network.first_instance_filter(all_g, torch.tensor(BOXES))

    encoded, unused = network.clf_encoder(scores["test0"][:, None])
    encoding = network.encode_target(tau, f["test0"])
    fused = network.condition(encoding, scores["test0"])
    yield from (("clf_encoder.label", encoded), ("clf_encoder.sw_unused", unused))
    yield from (("clf_encoder.upsampled", fused - encoding), ("fused", fused))
    out, inner = record(network.decoder, lambda: network.decoder(fused, layers["test0"], SIZE))
    yield "dec.out", out
    yield from inner.items()
    masks = {
        name: network.segment(tau, layers[name], f[name], scores[name], SIZE) for name in scores
    }
    yield from (("segment_target.mask", masks["test0"]), ("segment_target.mask1", masks["test1"]))
    plain = network.segment(tau, layers["test0"], f["test0"], None, SIZE)
    yield "segment_target.mask_nofusion", plain

    memory = torch.cat((mask, masks["test0"].sigmoid(), masks["test1"].sigmoid()))
    labels, weights = network.encode_masks(memory)
    yield from (("upd.label", labels), ("upd.sw", weights))
    shared = weights * SHARES.view(3, 1, 1, 1)
    all_f = torch.cat([f[name] for name in FRAMES])
    update = learn(all_f[:, None], labels[:, None], shared[:, None], 3, tau[None])
    again = network.learn_target(all_f, labels, shared, tau, 3)
    assert torch.equal(again, update.filters[0])
    yield from (("upd.filter", again), ("upd.filter_minus_start", again - tau))
    yield "upd.losses", update.losses
    targets = torch.stack([label(box) for box in BOXES])
    yield "upd.clf_labels", targets
    better = network.classifier.learn(
        kappa[None, None], all_g[:, None], targets[:, None], SHARES, 2, keep=True
    )
    assert torch.equal(
        network.learn_instance(kappa, all_g, targets, SHARES, 2), better.filters[0, 0]
    )
    yield "upd.clf_filter", better.filters
    yield "upd.clf_filter_minus_start", better.filters[0, 0] - kappa
    yield "upd.clf_losses", better.losses
    yield from forward(golden, network)


def forward(golden: Golden, network: RTS) -> Arrays:
    """The training-style forward of rts.npz: two sequences, one training and two test frames."""
    train, test, masks = sequences(golden, "rts.fw")
    boxes = torch.tensor([BOX, [40.0, 30.0, 64.0, 100.0]])
    labels = torch.stack([label(box.tolist()) for box in boxes])
    out = network(train, test, masks, boxes[None], labels[None])
    yield "forward.masks", out.logits_tshw
    yield "forward.scores_first", out.scores_itshw[0]
    yield "forward.scores_last", out.scores_itshw[-1]
    yield "forward.n_score_iters", torch.tensor(len(out.scores_itshw))


def sta_lwl(golden: Golden) -> Arrays:
    """sta_lwl.npz."""
    box = torch.tensor([[96.4, 48.7, 95.6, 63.2]])
    network: Any = golden.fill(sta())
    heads: dict[str, Tensor] = {}
    network.label_encoder.register_forward_hook(_keep(heads, "sta.label_encoder", None))
    network.bbox_encoder.register_forward_hook(
        _keep(heads, "sta.bbox_encoder", "sta.bbox_encoder_sw")
    )
    masks = network(golden.rgb("sta.im"), box)
    yield from heads.items()
    yield from (("sta.pred_first", masks.first), ("sta.pred_final", masks.final))

    network = golden.fill(lwl())
    train, test, first_masks = sequences(golden, "lwl")
    yield "lwl.forward.masks", network(train, test, first_masks)
    layers = network.extract(train[0, :1])
    encoding = torch.from_numpy(golden.scheme.nrm("lwl.enc", (1, 1, 16, 10, 18)))[0]
    yield "lwl.decoder.out", network.decoder(encoding, layers, SIZE)

    network = golden.fill(lwl(box_start=True))
    features = network.target_features(network.extract(train[0, :1], ("layer3",))["layer3"])
    yield "boxinit.enc", network.encode_box(features, box, SIZE)
    yield "boxinit.mask", network.mask_of_box(train[0, :1], box)


def pooling(golden: Golden) -> Arrays:
    """The part of geometry.npz on PrRoIPool."""
    maps = torch.from_numpy(golden.scheme.nrm("roi.feat", (2, 3, 9, 11))).requires_grad_()
    rois = torch.tensor(
        [
            [0.0, 12, 8, 75, 60],
            [1, -30, -20, 50, 40],
            [1, 100, 100, 300, 200],
            [0, 20, 20, 20, 20],
        ],
        requires_grad=True,
    )
    with torch.enable_grad():
        out = prroi_pool(maps, rois[:, 1:], (3, 5), 1 / 8, rois[:, 0].detach().long())
        out.sum().backward()
    assert maps.grad is not None
    assert rois.grad is not None
    yield from (("prroi.out", out), ("prroi.grad_feat", maps.grad), ("prroi.grad_roi", rois.grad))


def sequences(golden: Golden, name: str) -> tuple[Tensor, Tensor, Tensor]:
    """Training images (1, 2, 3, H, W), test images (2, 2, 3, H, W) and masks (1, 2, H, W)."""
    train = torch.stack([golden.bgr(f"{name}.train.s{s}")[0] for s in range(2)])
    test = [[golden.bgr(f"{name}.test{t}.s{s}")[0] for s in range(2)] for t in range(2)]
    masks = torch.cat((golden.rect(96, 48, 96, 64), golden.rect(40, 30, 64, 100)))
    return train[None], torch.stack([torch.stack(row) for row in test]), masks.transpose(0, 1)


def record(decoder: nn.Module, run: Callable[[], Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """What ``run`` gives, and what the parts of the decoder gave on the way, by golden key."""
    found: dict[str, Tensor] = {}
    hooks = []
    for part in ("proj", "TSE", "RRB1", "CAB", "RRB2"):
        for level, module in decoder.get_submodule(part).named_children():
            keep = _keep(found, f"dec.{level}.{part.lower()}", None)
            hooks.append(module.register_forward_hook(keep))
    out = run()
    for hook in hooks:
        hook.remove()
    return out, found


def _keep(found: dict[str, Tensor], first: str, second: str | None) -> Callable[..., None]:
    def hook(module: nn.Module, given: Any, out: Any) -> None:
        outputs = out if isinstance(out, tuple) else (out,)
        found[first] = outputs[0]
        if second is not None:
            found[second] = outputs[1]

    return hook


FILES: dict[str, tuple[str, Callable[[Golden], Arrays]]] = {
    "backbone": ("backbone", backbones),
    "rts": ("rts", rts),
    "sta_lwl": ("sta_lwl", sta_lwl),
    "pooling": ("geometry", pooling),
}
"""By name of a part: golden file, and what computes it."""
