"""Which proposal is which true object: the best assignment of all to all (DAVIS unsupervised).

Source: Caelles et al., "The 2019 DAVIS challenge: unsupervised multi-object segmentation", arXiv
1905.00737, section 4. A method finds objects by itself and numbers them as it likes; every true
object gets one proposal of its own so that the sum of the qualities is the largest possible.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from spectrack.errors import InputError


def assign(quality_pg: NDArray[Any]) -> tuple[int | None, ...]:
    """The proposal of every true object.

    Args:
        quality_pg: How well proposal p fits object g, shape (P, G): for DAVIS the mean of J and F
            over frames.

    Returns:
        Number of the proposal for each of the G objects; None for those that are left without one
        because there are fewer proposals than objects.

    Raises:
        InputError: If the qualities are no matrix of numbers.
    """
    quality = np.asarray(quality_pg, dtype=np.float64)
    if quality.ndim != 2 or not np.isfinite(quality).all():
        raise InputError(
            f"qualities of shape {quality.shape} were given; expected a finite number for every "
            "proposal and object"
        )
    proposals, objects = linear_sum_assignment(quality, maximize=True)
    found = dict(zip(objects.tolist(), proposals.tolist(), strict=True))
    return tuple(found.get(g) for g in range(quality.shape[1]))
