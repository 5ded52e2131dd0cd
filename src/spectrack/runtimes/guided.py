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

    K taps a pixel: those in its own frame, then in the frame before, then in the next one.

    Args:
        settings: The recipe.
    """

    def __init__(self, settings: GuidedSettings | None = None) -> None:
        super().__init__()
        self.settings = s = settings or GuidedSettings()
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
        """The filtered masks, one half as the threshold: (T, H, W) in [0, 1]; see the parts."""
        weights, places = self.links(lab_tchw, active_thw, ahead_t2hw, behind_t2hw)
        x = soft_thw
        for tau in self.settings.lengths:
            x = self.step(x, weights, places, torch.tensor(tau))
        return self.finish(x)

    def links(
        self, lab_tchw: Tensor, active_thw: Tensor, ahead_t2hw: Tensor, behind_t2hw: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What every pixel is linked to.

        Args:
            lab_tchw: CIE Lab / 100 of the frames; H and W even, 8 or more.
            active_thw: 1 where pixels may change, 0 elsewhere.
            ahead_t2hw: Flow of each frame to the next, (dx, dy) in pixels; the last is not read.
            behind_t2hw: Flow of each frame to the one before; the first is not read.

        Returns:
            Weights (T, K, H, W) that sum to 1, or to 0 where a pixel stays as it is; and the
            places that they are of, int64 of the same shape, pixels of the whole volume in a row.
        """
        times, _, height, width = lab_tchw.shape
        number = torch.arange(times)[:, None, None]
        rows = torch.arange(height)[:, None].expand(times, height, width)
        cols = torch.arange(width).expand(times, height, width)
        sharp = self._sharpness(lab_tchw)
        certain = torch.ones_like(sharp)
        found = [self._linked("own", lab_tchw, sharp, number, rows, cols, certain)]
        for step, flow, back in ((-1, behind_t2hw, ahead_t2hw), (1, ahead_t2hw, behind_t2hw)):
            other = (number + step).clamp(min=0).minimum(torch.tensor(times - 1))
            back = torch.index_select(back, 0, other.flatten())
            yy, xx, trust = self._followed(flow, back, rows, cols)
            trust = torch.where(other == number + step, trust, 0.0)
            found.append(self._linked("side", lab_tchw, sharp, other, yy, xx, trust))
        weights = torch.cat([w for w, _ in found], 1) * active_thw[:, None]
        total = weights.sum(1, keepdim=True)
        return weights / total.clamp(min=1), torch.cat([p for _, p in found], 1)

    def step(self, soft_thw: Tensor, weights: Tensor, places: Tensor, tau: Tensor) -> Tensor:
        """One step towards the mean of what pixels are linked to, by the share ``tau``."""
        values = torch.index_select(soft_thw.flatten(), 0, places.flatten()).view(weights.shape)
        linked = (weights.sum(1) > 0.5).float()
        return soft_thw + tau * ((weights * values).sum(1) - linked * soft_thw)

    def finish(self, soft_thw: Tensor) -> Tensor:
        """Cut to [0, 1], and the level moved to one half."""
        rise = (1 - self.settings.level) / self.settings.level
        x = soft_thw.clamp(0, 1)
        return rise * x / (1 + (rise - 1) * x)

    def _linked(
        self,
        name: str,
        lab_tchw: Tensor,
        sharp_thw: Tensor,
        frame_thw: Tensor,
        rows_thw: Tensor,
        cols_thw: Tensor,
        trust_thw: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Weights of a group of taps, whole numbers of 0 to 255 as the kernels keep them."""
        height, width = lab_tchw.shape[2:]
        dy, dx = self.get_buffer(f"{name}_yx")[:, :, None, None]
        y, x = rows_thw[:, None] + dy, cols_thw[:, None] + dx
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        y = y.clamp(min=0).minimum(torch.tensor(height - 1))
        x = x.clamp(min=0).minimum(torch.tensor(width - 1))
        places = (frame_thw[:, None] * height + y) * width + x
        row = places.flatten()
        apart = torch.zeros_like(places, dtype=lab_tchw.dtype)
        for channel in lab_tchw.unbind(1):
            seen = torch.index_select(channel.flatten(), 0, row).view(places.shape)
            apart = apart + (seen - channel[:, None]) ** 2
        near = (1 + sharp_thw[:, None] / 4 * apart) ** 4
        spatial = self.get_buffer(f"{name}_spatial")[:, None, None]
        weights = torch.floor(255 * trust_thw[:, None] * spatial / near + 0.5)
        return torch.where(inside, weights, 0.0), places

    def _followed(
        self, flow: Tensor, back: Tensor, rows: Tensor, cols: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Row and column of each pixel in another frame, and how far that is believed."""
        height, width = flow.shape[2:]
        fx, fy = flow.unbind(1)
        x, y = torch.round(cols + fx), torch.round(rows + fy)
        inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
        xx = torch.where(inside, x, 0.0).long()
        yy = torch.where(inside, y, 0.0).long()
        place = (yy * width + xx).flatten(1)
        ex, ey = (
            f + b.flatten(1).gather(1, place).view(f.shape)
            for f, b in zip((fx, fy), back.unbind(1), strict=True)
        )
        trust = torch.exp((ex * ex + ey * ey) * (-0.5 / self.settings.flow_sigma**2))
        return yy, xx, torch.where(inside, trust, 0.0)

    def _sharpness(self, lab_tchw: Tensor) -> Tensor:
        """Sharpness of each pixel, lower where colours vary around it: (T, H, W)."""
        s = self.settings
        half = F.avg_pool2d(lab_tchw, 2)
        framed = F.pad(half, (WINDOW // 2,) * 4, mode="reflect")
        mean = F.avg_pool2d(framed, WINDOW, 1)
        variance = (F.avg_pool2d(framed * framed, WINDOW, 1) - mean * mean).sum(1, keepdim=True)
        around = F.interpolate(variance.clamp(min=0), scale_factor=2.0)[:, 0]
        return s.sharpness * s.contrast / (s.contrast + around)


def _grid(radius: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and spatial weights of taps, as :class:`spectrack.spectral...Taps` has them."""
    axis = np.arange(-radius, radius + 1)
    dy, dx = (a.ravel() for a in np.meshgrid(axis, axis, indexing="ij"))
    spatial = np.exp(-2 * (dy**2 + dx**2) / max(radius, 1) ** 2)
    kept = (np.abs(dy) + np.abs(dx) < 2 * radius) | (radius == 0)
    return dy[kept], dx[kept], spatial[kept]


def guided_graphs(network: GuidedFilter) -> tuple[Graph, ...]:
    """``links`` of a sub-video once, ``step`` for every length of the recipe, then ``finish``."""
    taps = network.get_buffer("own_yx").shape[1] + 2 * network.get_buffer("side_yx").shape[1]
    volume = Given(("t", "2h", "2w"))
    flow = Given(("t", 2, "2h", "2w"), -3, 3)
    sizes = {"t": 3, "h": 12, "w": 14}
    checked = {"t": 2, "h": 15, "w": 12}, {"t": 5, "h": 10, "w": 18}
    colours = {"lab": Given(("t", 3, "2h", "2w")), "active": volume}
    linked = {
        "weights": Given(("t", taps, "2h", "2w"), 0, 2 / taps),
        "places": Given(("t", taps, "2h", "2w"), 0, 700, whole=True),
    }
    return (
        Graph(
            "links",
            GuidedFilter.links,
            {**colours, "ahead": flow, "behind": flow},
            ("weights", "places"),
            sizes,
            checked,
        ),
        Graph(
            "step",
            GuidedFilter.step,
            {"soft": volume, **linked, "tau": Given(())},
            ("next",),
            sizes,
            checked,
        ),
        Graph("finish", GuidedFilter.finish, {"soft": volume}, ("filtered",), sizes, checked),
    )
