"""Arrays as people hold them: NumPy, PyTorch, nested lists."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def is_tensor(value: object) -> bool:
    """Whether a value is a PyTorch tensor; PyTorch is not loaded to find out."""
    return any(cls.__module__.startswith("torch") for cls in type(value).__mro__[:-1])


def as_array(value: Any) -> NDArray[Any]:
    """A value as an array, without a copy where that can be: a tensor is brought to the CPU."""
    if is_tensor(value):
        value = value.detach().cpu()
        if value.is_floating_point() and value.element_size() < 4:
            value = value.float()  # NumPy knows no bfloat16
        return np.asarray(value.numpy())
    return np.asanyarray(value)
