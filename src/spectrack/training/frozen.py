"""Parts of a network that stay as they are while others learn."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def freeze_norms(network: nn.Module, learning: bool = False) -> None:
    """Let batch normalisations use their stored statistics, and leave those as they are.

    Args:
        network: In training mode.
        learning: Leave out those whose numbers learn.
    """
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            own = list(module.parameters(recurse=False))
            if not (learning and own and all(p.requires_grad for p in own)):
                module.eval()
