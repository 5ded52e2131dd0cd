"""The mean of the weights after several epochs: where the last steps wander, it lies between them.

Averaging along one run is stochastic weight averaging (Izmailov et al., "Averaging Weights Leads to
Wider Optima and Better Generalization", 2018).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class WeightMean:
    """A running mean of a model's weights and buffers, in their own precision, on their device."""

    def __init__(self) -> None:
        self.count = 0
        self._mean: dict[str, Tensor] = {}

    @torch.no_grad()
    def add(self, model: nn.Module) -> None:
        """Count the weights of now.

        Args:
            model: The same one every time.
        """
        self.count += 1
        for name, tensor in model.state_dict().items():
            if self.count == 1 or not tensor.is_floating_point():  # a count has no mean
                self._mean[name] = tensor.clone()
            else:
                self._mean[name].lerp_(tensor, 1 / self.count)

    def into(self, model: nn.Module) -> None:
        """Give the model the mean, if anything was counted.

        Args:
            model: Changed in place.
        """
        if self.count:
            model.load_state_dict(self._mean)

    def state(self) -> dict[str, Any]:
        """All that is needed to go on."""
        return {"count": self.count, "mean": self._mean}

    def load(self, state: dict[str, Any], model: nn.Module) -> None:
        """Go on from a state.

        Args:
            state: What :meth:`state` gave, on any device.
            model: Whose weights they are.

        Raises:
            KeyError: A part or a weight is missing.
        """
        self.count = state["count"]
        there = model.state_dict() if self.count else {}
        self._mean = {name: state["mean"][name].to(one.device) for name, one in there.items()}
