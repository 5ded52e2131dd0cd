"""ATOM as a whole against a plain loop: lists of samples, automatic differentiation, sums.

The loop shares with the tracker how pixels are cut and what is drawn at random, both tested
elsewhere; all else is written out again from the description of the published tracker.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from spectrack.structures import Box, FrameHWC, Target
from spectrack.trackers.atom.network import ATOM
from spectrack.trackers.atom.settings import FIRST, ATOMSettings
from spectrack.trackers.atom.tracker import ATOMTracker
from spectrack.tracking.localisation import Flag
from spectrack.tracking.patches import plan_patch
from spectrack.tracking.variations import first_samples, without_maps
from thin_atom import BOX, SMALL, clip, thin_atom


def spectrum_drawn(scores: Tensor, side: int) -> Tensor:
    """A map of even side on a fine grid with its middle in the middle, term by term."""
    n = len(scores)
    k = torch.arange(-(n // 2), n // 2 + 1)
    place = (torch.arange(side) - side // 2) * n / side + n / 2
    turns = torch.exp(2j * torch.pi * place[:, None].double() * k / n)
    terms = torch.fft.fft2(scores.double())[k % n][:, k % n]
    return (turns @ terms @ turns.mT).real / n**2


class PlainATOM:
    """The loop. Positions are (y, x)."""

    def __init__(self, network: ATOM, settings: ATOMSettings, frame: FrameHWC, box: Box) -> None:
        self.network, self.s = network, settings
        self.frame_hw = np.array(frame.shape[:2])
        self.pos = np.array([box.y + (box.h - 1) / 2, box.x + (box.w - 1) / 2])
        self.size = np.array([box.h, box.w], dtype=float)
        self.scale = settings.search * math.sqrt(box.w * box.h) / settings.side
        self.base = self.size / self.scale
        side, chance = settings.side, np.random.default_rng(settings.seed)
        samples = first_samples(
            frame, self.pos.astype(np.float32), self.scale, (side, side), FIRST, chance
        )
        layers = self.layers(samples.patches_nchw)
        chance.integers(2**62)  # of the proposals, of which there are none here
        x = self.features(layers)
        x = torch.cat((x, without_maps(x[:1], FIRST, chance)))
        self.sigma = 0.25 * math.sqrt(np.prod(self.base * x.shape[2] / side))
        middle = np.round(self.pos)
        shifts = [*samples.shifts_yx, *[(0, 0)] * FIRST.dropouts]
        self.labels = [
            self.label((self.pos - middle) / self.scale + np.array(shift)) for shift in shifts
        ]
        f = torch.from_numpy(chance.standard_normal((settings.maps, 4, 4)))
        p = torch.from_numpy(chance.standard_normal((settings.maps, x.shape[1])))
        f, p = f.float() / f.numel(), p.float() / x.shape[1] ** 0.5
        self.weights = [1 / 30] * 30
        self.last_place: int | None = None
        for _ in range(6):
            f, p = self.gauss_newton(x, f, p, 10)
        self.f, self.p = f, p
        self.samples = list(torch.einsum("mc,nchw->nmhw", p, x))
        layers = {name: maps[:1] for name, maps in layers.items()}
        reference = torch.tensor([self.box_in_patch(middle)], dtype=torch.float32)
        regressor = network.bb_regressor
        self.modulation = regressor.reference(layers["layer2"], layers["layer3"], reference)
        self.number, self.flags = 1, []

    def layers(self, patches: Tensor) -> dict[str, Tensor]:
        backbone = self.network.feature_extractor
        with torch.no_grad():
            return backbone(backbone.normalise(patches), ("layer2", "layer3"))

    def features(self, layers: dict[str, Tensor]) -> Tensor:
        x = layers["layer3"]
        return x / (x.square().mean((1, 2, 3), keepdim=True) + 1e-10).sqrt()

    def label(self, place: np.ndarray) -> Tensor:
        """Place in pixels of the patch from its middle."""
        n = self.s.side // 16
        y, x = place * n / self.s.side + 0.5
        at = torch.arange(n) - (n - 1) / 2
        return torch.exp(-((at[:, None] - y) ** 2 + (at - x) ** 2) / (2 * self.sigma**2))

    def scores(self, z: Tensor, f: Tensor) -> Tensor:
        return F.conv2d(z, f[None], padding=2)[:, 0, :-1, :-1]

    def residuals(self, x: Tensor, f: Tensor, p: Tensor | None) -> Tensor:
        z = x if p is None else torch.einsum("mc,nchw->nmhw", p, x)
        s = F.elu(F.leaky_relu(self.scores(z, f), 20), 0.05)
        w = torch.tensor(self.weights).sqrt()[:, None, None]
        parts = [(w * (s - torch.stack(self.labels))).flatten(), 0.1**0.5 * f.flatten()]
        return torch.cat(parts if p is None else [*parts, 1e-2 * p.flatten()])

    def gauss_newton(self, x: Tensor, f: Tensor, p: Tensor | None, steps: int) -> tuple[Any, Any]:
        """Conjugate gradients by differentiating twice; Fletcher-Reeves where both are learned."""
        layers = [f.clone().requires_grad_()] + ([] if p is None else [p.clone().requires_grad_()])
        r0 = self.residuals(x, layers[0], layers[1] if p is not None else None)
        u = torch.zeros_like(r0).requires_grad_()
        back = torch.autograd.grad(r0, layers, u, create_graph=True)
        scale = [1.0] if p is None else [1 / 0.1, 1 / 1e-4]

        def push(v: list[Tensor]) -> Tensor:
            return torch.autograd.grad(back, u, v, retain_graph=True)[0]

        def pull(r: Tensor) -> list[Tensor]:
            return list(torch.autograd.grad(r0, layers, r, retain_graph=True))

        def dot(a: list[Tensor], b: list[Tensor]) -> float:
            return float(sum((i * j).sum() for i, j in zip(a, b, strict=True)))

        r = [-g for g in pull(r0.detach())]
        found, d, rho, before = [torch.zeros_like(g) for g in r], None, 1.0, r
        for _ in range(steps):
            z = [m * g for m, g in zip(scale, r, strict=True)]
            last, rho = rho, dot(r, z)
            gain = rho if p is not None else rho - dot(before, z)
            beta = max(gain / last, 0)
            d = z if d is None else [a + beta * b for a, b in zip(z, d, strict=True)]
            image = pull(push(d))
            alpha = rho / dot(d, image)
            found = [a + alpha * b for a, b in zip(found, d, strict=True)]
            before, r = r, [a - alpha * b for a, b in zip(r, image, strict=True)]
        return f + found[0], None if p is None else p + found[1]

    def box_in_patch(self, middle: np.ndarray) -> list[float]:
        cy, cx = (self.pos - middle) / self.scale + (self.s.side - 1) / 2
        h, w = self.size / self.scale
        return [cx - (w - 1) / 2, cy - (h - 1) / 2, w, h]

    def update(self, frame: FrameHWC) -> Box:
        self.number += 1
        side, scale, middle = self.s.side, self.scale, np.round(self.pos)
        hw = (frame.shape[0], frame.shape[1])
        sample = np.float32(scale) * np.array([side, side])
        patch = plan_patch(self.pos.astype(np.float32), sample, (side, side), hw, "replicate")
        layers = self.layers(patch.cut(frame))
        z = torch.einsum("mc,nchw->nmhw", self.p, self.features(layers))
        fine = spectrum_drawn(self.scores(z, self.f)[0], side)
        if self.s.window:
            hann = 0.5 * (
                1 + torch.cos(2 * torch.pi * (torch.arange(side) - side / 2) / (side + 2))
            )
            fine = fine * hann[:, None] * hann
        flag, self.score, (row, col) = self.look(fine.numpy(), self.size / scale)
        self.flags.append(flag)
        if flag != "not_found":
            pos = middle + (np.array([row, col]) - side // 2) * scale
            reach = (0.2 - 0.5) * self.size
            self.pos = np.maximum(np.minimum(pos, self.frame_hw - reach), reach)
            self.refine(layers, middle)
        if flag in ("normal", "hard_negative"):
            self.remember(z[0], self.label((self.pos - middle) / scale), flag == "hard_negative")
        if flag == "hard_negative" or (self.number - 1) % self.s.every == 0:
            self.f, _ = self.gauss_newton(torch.stack(self.samples), self.f, None, 5)
        (cy, cx), (h, w) = self.pos, self.size
        return Box(cx - (w - 1) / 2, cy - (h - 1) / 2, w, h)

    def look(self, fine: np.ndarray, target: np.ndarray) -> tuple[str, float, tuple[int, int]]:
        s, size = self.s, len(fine)
        first = np.unravel_index(fine.argmax(), fine.shape)
        top = float(fine[first])
        if top < s.absent:
            return "not_found", top, first
        rest = fine.copy()
        lows = [max(round(c - 1.1 * t), 0) for c, t in zip(first, target, strict=True)]
        highs = [min(round(c + 1.1 * t + 1), size) for c, t in zip(first, target, strict=True)]
        rest[lows[0] : highs[0], lows[1] : highs[1]] = 0
        second = np.unravel_index(rest.argmax(), rest.shape)
        next_best = float(rest[second])
        if next_best > s.distractor * top:
            reach = s.displacement * size / 2
            far = [math.dist(peak, (size // 2, size // 2)) > reach for peak in (first, second)]
            if far == [False, True]:
                return "hard_negative", top, first
            if far == [True, False]:
                return "hard_negative", next_best, second
            return "uncertain", top, first
        if next_best > s.hard_negative * top and next_best > s.absent:
            return "hard_negative", top, first
        return "normal", top, first

    def refine(self, layers: dict[str, Tensor], middle: np.ndarray) -> None:
        """The guess alone climbs; the centre is read off half a pixel further than it was put."""
        maps = self.network.bb_regressor.test_maps(layers["layer2"], layers["layer3"])
        target = maps.modulate(self.modulation)
        box = torch.tensor([[self.box_in_patch(middle)]], dtype=torch.float32)
        for _ in range(5):
            box = box.detach().requires_grad_()
            score = self.network.bb_regressor.judge(target, box)
            (gradient,) = torch.autograd.grad(score.sum(), box)
            box = box.detach() + gradient * box.detach()[..., 2:].repeat(1, 1, 2)
        x, y, w, h = box.flatten().tolist()
        w, h = max(w, 1), max(h, 1)
        if not 1 / 6 < w / h < 6:
            return
        moved = np.array([y + h / 2, x + w / 2]) - (self.s.side - 1) / 2
        self.pos, self.size = moved * self.scale + middle, np.array([h, w]) * self.scale
        self.scale = math.sqrt(np.prod(self.size) / np.prod(self.base))

    def remember(self, z: Tensor, label: Tensor, hard: bool) -> None:
        rate, w = 0.02 if hard else self.s.rate, self.weights
        if len(w) < self.s.memory:
            place = len(w)
            for held, new in ((w, 0.0), (self.samples, z), (self.labels, label)):
                held.append(new)
        else:
            start = 30 if self.s.share else 0
            place = start + int(np.argmin(np.float32(w[start:])))
            self.samples[place], self.labels[place] = z, label
        if self.last_place is None:
            w[:] = [v / (1 - rate) for v in w]
            w[place] = rate
        else:
            w[place] = w[self.last_place] / (1 - rate)
        w[:] = [v / sum(w) for v in w]
        if self.s.share and sum(w[:30]) < self.s.share:
            rest = self.s.share + sum(w[30:])
            w[:] = [self.s.share / 30] * 30 + [v / rest for v in w[30:]]
        self.last_place = place


CASES = {
    "default": {"memory": 33, "every": 3},
    "vot": {"preset": "vot", "memory": 33, "every": 3, "search": 5.0},
    "distractors": {"memory": 40, "hard_negative": 0.3, "distractor": 0.6, "every": 4},
}


@pytest.mark.parametrize("case", CASES)
def test_answers_are_those_of_a_plain_loop(case: str, monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    settings = ATOMSettings(**SMALL, proposals=0, best=1, **CASES[case])
    network, frames = thin_atom(), clip(12, rival=case == "distractors")
    tracker = ATOMTracker(settings, network)
    flags: list[Flag] = []
    learn = tracker._classifier.learn
    monkeypatch.setattr(
        tracker._classifier, "learn", lambda n, s, *rest: flags.append(s.flag) or learn(n, s, *rest)
    )
    tracker.init(frames[0], Target(BOX))
    plain = PlainATOM(network, tracker.settings, frames[0], BOX)
    assert len(plain.samples) == 30
    for frame in frames[1:]:
        ours, theirs = tracker.update(frame), plain.update(frame)
        assert flags[-1].value == plain.flags[-1]
        assert list(ours.box) == pytest.approx(list(theirs), abs=0.02)
        assert ours.score == pytest.approx(min(max(plain.score, 0), 1), abs=2e-3)
    assert tracker._classifier.memory.weights.values_n == pytest.approx(plain.weights, abs=1e-6)
    if case == "distractors":
        assert {"normal", "hard_negative"} < set(plain.flags)
