"""The spectral steps as modules of plain torch operations, and their graphs.

The compiled kernels of :mod:`spectrack.spectral` are what the library itself runs; these say the
same in operations that every runtime has, for those who bring the filters elsewhere.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.runtimes.graph import Given, Graph
from spectrack.spectral.sfseg.gaussian import kernel_taps
from spectrack.spectral.sfseg.power import unit_norm
from spectrack.spectral.sfseg.settings import PRESETS, SFSegSettings

CHANNELS = 3
"""Of the features in the graph: a picture's colours, or one map three times a third as sharp."""


class SFSegStep(nn.Module):
    """One step of power iteration (SFSeg++ paper, Eq. 7-8), by three convolutions along an axis.

    Args:
        settings: Of Taylor's affinity, normalised over the volume.
    """

    def __init__(self, settings: SFSegSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or PRESETS["paper"]
        for axis, taps in enumerate(kernel_taps(self.settings.kernel)):
            shape = [1, 1, 1, 1, 1]
            shape[2 + axis] = len(taps)
            self.register_buffer(f"taps{axis}", torch.tensor(taps).float().reshape(shape))

    def forward(self, x_thw: Tensor, unary_thw: Tensor, feature_cthw: Tensor) -> Tensor:
        """The next solution.

        Args:
            x_thw: (T, H, W), the solution; the soft masks to begin with.
            unary_thw: Soft masks to the power p.
            feature_cthw: (C, T, H, W), pairwise features.

        Returns:
            (T, H, W), of length 1.
        """
        # moving all features by a constant changes nothing but saves digits
        f = feature_cthw - feature_cthw.mean()
        v = unary_thw * x_thw
        squared = (f * f).sum(0)
        smooth = self._smooth(torch.cat([v[None], (squared * v)[None], f * v]))
        cross = (f * smooth[2:]).sum(0)
        linked = smooth[0] - self.settings.alpha * (squared * smooth[0] + smooth[1] - 2 * cross)
        return unit_norm(unary_thw * linked)

    def binarise(self, x_thw: Tensor) -> Tensor:
        """Soft masks of the last solution, by its maximum: (T, H, W) in [0, 1]."""
        s = self.settings
        return torch.sigmoid(s.steepness * (x_thw / x_thw.max().clamp(min=1e-12) - s.midpoint))

    def _smooth(self, volumes_cthw: Tensor) -> Tensor:
        found = volumes_cthw[:, None]
        for axis in range(3):
            taps = self.get_buffer(f"taps{axis}")
            found = F.conv3d(found, taps, padding=tuple(n // 2 for n in taps.shape[2:]))
        return found[:, 0]


def sfseg_graphs(network: SFSegStep) -> tuple[Graph, ...]:
    """``step``, which is called as often as there are iterations, and ``binarise``."""
    del network
    volume = Given(("t", "h", "w"))
    features = Given((CHANNELS, "t", "h", "w"))
    sizes = {"t": 3, "h": 20, "w": 24}
    checked = {"t": 5, "h": 18, "w": 31}, {"t": 9, "h": 40, "w": 16}
    return (
        Graph(
            "step",
            SFSegStep.forward,
            {"x": volume, "unary": volume, "feature": features},
            ("next",),
            sizes,
            checked,
        ),
        Graph("binarise", SFSegStep.binarise, {"x": volume}, ("soft",), sizes, checked),
    )
