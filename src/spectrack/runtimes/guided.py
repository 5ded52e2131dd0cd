"""The guided filter on a short sub-video as a module of plain torch operations, and its graph.

The same as :func:`spectrack.spectral.guided.window.guided_differentiable`: links by colour within a
frame and, along the flow, to the frames beside it; then all steps of all cycles.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.runtimes.graph import Given, Graph
from spectrack.spectral.guided.settings import GuidedSettings

WINDOW = 7
"""Side of the window of the local colour variance, pixels of half the resolution."""


class GuidedFilter(nn.Module):
    """Soft masks made consistent with colours and motion.

    Args:
        settings: The recipe.
    """

    def __init__(self, settings: GuidedSettings | None = None) -> None:
        super().__init__()
        self.settings = s = settings or GuidedSettings()
        self.pad = max(s.radius, s.side_radius, 1) * s.step
        for name, radius in (("own", s.radius), ("side", s.side_radius)):
            dy, dx, spatial = _grid(radius)
            self.register_buffer(f"{name}_yx", torch.tensor(np.stack([dy, dx]) * s.step))
            self.register_buffer(f"{name}_spatial", torch.tensor(spatial, dtype=torch.float32))

    def forward(
        self,
        soft_thw: Tensor,
        lab_tchw: Tensor,
        active_thw: Tensor,
        ahead_t2hw: Tensor,
        behind_t2hw: Tensor,
    ) -> Tensor:
        """The filtered masks, one half as the threshold.

        Args:
            soft_thw: (T, H, W) in [0, 1]; H and W even, 8 or more.
            lab_tchw: CIE Lab / 100 of the frames.
            active_thw: 1 where pixels may change, 0 elsewhere.
            ahead_t2hw: Flow of each frame to the next, (dx, dy) in pixels; the last is not read.
            behind_t2hw: Flow of each frame to the one before; the first is not read.

        Returns:
            (T, H, W) in [0, 1].
        """
        height, width = soft_thw.shape[1:]
        rows, cols = torch.arange(height)[:, None], torch.arange(width)
        across = width + 2 * self.pad
        here = ((rows + self.pad) * across + cols + self.pad).expand(soft_thw.shape)
        number = torch.arange(soft_thw.shape[0])[:, None, None]
        sharp = self._sharpness(lab_tchw)
        lab = F.pad(lab_tchw, (self.pad,) * 4, value=100.0).flatten(2)  # no colour is like that

        groups = []
        for flow, back, step, edge in (
            (behind_t2hw, _after(ahead_t2hw, -1), -1, number == 0),
            (ahead_t2hw, _after(behind_t2hw, 1), 1, number == soft_thw.shape[0] - 1),
        ):
            there, trust = self._followed(flow, back, rows, cols, across)
            trust = torch.where(edge, 0.0, trust)
            groups.append((self._taps("side", there, across), trust, _after(lab, step), step))
        groups.append((self._taps("own", here, across), torch.ones_like(sharp), lab, 0))

        weights = [
            self._weights("own" if step == 0 else "side", lab_tchw, other, taps, trust, sharp)
            * active_thw[:, None]
            for taps, trust, other, step in groups
        ]
        total = torch.stack([w.sum(1) for w in weights]).sum(0)
        share = torch.where(total > 0, 1 / total.clamp(min=1), 0.0)
        linked = (total > 0).float()
        x = soft_thw
        for tau in self.settings.lengths:
            around = F.pad(x[None], (self.pad,) * 4, mode="replicate")[0].flatten(1)
            mean = torch.zeros_like(x)
            for (taps, _, _, step), w in zip(groups, weights, strict=True):
                values = _after(around, step).gather(1, taps.flatten(1)).view(w.shape)
                mean = mean + (w * values).sum(1)
            x = x + tau * (mean * share - linked * x)
        rise = (1 - self.settings.level) / self.settings.level
        x = x.clamp(0, 1)
        return rise * x / (1 + (rise - 1) * x)

    def _taps(self, name: str, there_thw: Tensor, across: int) -> Tensor:
        """Padded places of all taps, (T, K, H, W)."""
        dy, dx = self.get_buffer(f"{name}_yx")
        return there_thw[:, None] + (dy * across + dx)[:, None, None]

    def _followed(
        self, flow: Tensor, back: Tensor, rows: Tensor, cols: Tensor, across: int
    ) -> tuple[Tensor, Tensor]:
        """Padded place of each pixel in the other frame, and how far it is believed."""
        height, width = flow.shape[2:]
        fx, fy = flow.unbind(1)
        x, y = torch.round(cols + fx), torch.round(rows + fy)
        inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
        xx = x.clamp(0, width - 1).long()
        yy = y.clamp(0, height - 1).long()
        place = (yy * width + xx).flatten(1)
        ex, ey = (
            f + b.flatten(1).gather(1, place).view(f.shape)
            for f, b in zip((fx, fy), back.unbind(1), strict=True)
        )
        trust = torch.exp((ex * ex + ey * ey) * (-0.5 / self.settings.flow_sigma**2))
        return (yy + self.pad) * across + xx + self.pad, torch.where(inside, trust, 0.0)

    def _weights(
        self,
        name: str,
        lab_tchw: Tensor,
        other_tcp: Tensor,
        taps_tkhw: Tensor,
        trust_thw: Tensor,
        sharp_thw: Tensor,
    ) -> Tensor:
        """Weights of the taps, whole numbers of 0 to 255 as the kernels keep them."""
        places = taps_tkhw.flatten(1)
        apart = torch.zeros(())
        for channel in range(3):
            seen = other_tcp[:, channel].gather(1, places).view(taps_tkhw.shape)
            apart = apart + (seen - lab_tchw[:, channel, None]) ** 2
        near = (1 + sharp_thw[:, None] / 4 * apart) ** 4
        spatial = self.get_buffer(f"{name}_spatial")[:, None, None]
        return torch.floor(255 * trust_thw[:, None] * spatial / near + 0.5)

    def _sharpness(self, lab_tchw: Tensor) -> Tensor:
        """Sharpness of each pixel, lower where colours vary around it: (T, H, W)."""
        s = self.settings
        half = F.avg_pool2d(lab_tchw, 2)
        framed = F.pad(half, (WINDOW // 2,) * 4, mode="reflect")
        mean = F.avg_pool2d(framed, WINDOW, 1)
        variance = (F.avg_pool2d(framed * framed, WINDOW, 1) - mean * mean).sum(1, keepdim=True)
        around = F.interpolate(variance.clamp(min=0), scale_factor=2.0)[:, 0]
        return s.sharpness * s.contrast / (s.contrast + around)


def _after(x: Tensor, step: int) -> Tensor:
    """Each frame's neighbour: the next for 1, the one before for -1; the edge is its own."""
    if step == 0:
        return x
    return torch.cat([x[1:], x[-1:]]) if step > 0 else torch.cat([x[:1], x[:-1]])


def _grid(radius: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and spatial weights of taps, as :class:`spectrack.spectral...Taps` has them."""
    axis = np.arange(-radius, radius + 1)
    dy, dx = (a.ravel() for a in np.meshgrid(axis, axis, indexing="ij"))
    spatial = np.exp(-2 * (dy**2 + dx**2) / max(radius, 1) ** 2)
    kept = (np.abs(dy) + np.abs(dx) < 2 * radius) | (radius == 0)
    return dy[kept], dx[kept], spatial[kept]


def guided_graphs(network: GuidedFilter) -> tuple[Graph, ...]:
    """``filter``: masks, colours, where they may change, and flows, to masks."""
    del network
    maps = Given(("t", "2h", "2w"))
    flow = Given(("t", 2, "2h", "2w"), -3, 3)
    return (
        Graph(
            "filter",
            GuidedFilter.forward,
            {
                "soft": maps,
                "lab": Given(("t", 3, "2h", "2w")),
                "active": Given(("t", "2h", "2w"), 1, 1),
                "ahead": flow,
                "behind": flow,
            },
            ("filtered",),
            {"t": 3, "h": 12, "w": 14},
            ({"t": 2, "h": 15, "w": 12}, {"t": 5, "h": 10, "w": 18}),
        ),
    )
