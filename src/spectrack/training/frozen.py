"""Parts of a network that stay as they are while others learn."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def freeze_norms(network: nn.Module) -> None:
    """Let all batch normalisations use their stored statistics, and leave those as they are."""
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
