"""Names of tensors in published checkpoints, as our networks have them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

PARALLEL = "module."
"""What networks that were trained on several devices at once have before all their names."""
SIAMMASK = {
    "features.features.": "backbone.",
    "features.downsample.": "neck.downsample.",
    "rpn_model.": "rpn_head.",
    "mask_model.mask.": "mask_head.",
    "refine_model.": "refine_head.",
}
"""How names begin in checkpoints of SiamMask's authors, and in PySOT's, which are ours."""


def our_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names of our networks, in their order.

    :data:`PARALLEL` is taken off where all names have it; names of SiamMask's authors become
    PySOT's where all begin as theirs do.

    Args:
        tensors: By the names of a checkpoint.
    """
    named = dict(tensors)
    if all(name.startswith(PARALLEL) for name in named):
        named = {name.removeprefix(PARALLEL): tensor for name, tensor in named.items()}
    if all(name.startswith(tuple(SIAMMASK)) for name in named):
        named = {_renamed(name): tensor for name, tensor in named.items()}
    return named


def _renamed(name: str) -> str:
    theirs = next(start for start in SIAMMASK if name.startswith(start))
    return SIAMMASK[theirs] + name.removeprefix(theirs)
