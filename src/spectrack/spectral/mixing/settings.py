"""The numbers of the mixing, see :mod:`spectrack.spectral.mixing.mixing`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from spectrack.errors import InputError

ROBUST_TOTAL, ROBUST_AGREEMENT = 8.0, 8.0
"""Sum of the weights and exponent g of the mixing that has learned nothing."""


USUAL_SIZE, SIZES = 60.0, (16.0, 256.0)
"""Side of a target for which sizes do not matter, and those beyond which they matter no further."""


@dataclass(frozen=True, kw_only=True)
class MixingSettings:
    """The learned numbers of SFSeg++.

    Attributes:
        names: Name of each channel.
        weights: Unary weight w of each channel, any sign.
        bias: Unary bias b.
        agreement: Exponent g of the agreement, >= 0; 0 gives every frame the same weights.
        reach: Frames on each side over which agreement is averaged, >= 0.
        pairwise_weights: Weights of the pairwise map F_m of Eq. 9; None takes the unary ones, as
            the paper does. Only the paper's own filter has such a map.
        pairwise_bias: Bias of the pairwise map; None takes the unary one.
        sizes: Exponents of the target's size, one a channel: the weight of a channel for a target
            of ``side`` pixels is w (side / 60)^exponent, see :meth:`at_size`; None for weights that
            suit all sizes. What mixes takes no others.

    Raises:
        InputError: If lengths differ, a name comes twice, or a number is not finite.
    """

    names: tuple[str, ...]
    weights: tuple[float, ...]
    bias: float
    agreement: float = 0.0
    reach: int = 3
    pairwise_weights: tuple[float, ...] | None = None
    pairwise_bias: float | None = None
    sizes: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) < len(self.names):
            shown = ", ".join(self.names) or "none"
            raise InputError(f"channels {shown} were given; give one or more, each name once")
        for what, values in (
            ("weights", self.weights),
            ("pairwise", self.pairwise_weights),
            ("sizes", self.sizes),
        ):
            if values is not None and len(values) != len(self.names):
                raise InputError(
                    f"{len(values)} {what} were given for {len(self.names)} channels; give one each"
                )
        numbers = [*self.weights, self.bias, self.agreement]
        numbers += [*(self.pairwise_weights or ()), *(self.sizes or ())]
        if self.pairwise_bias is not None:
            numbers.append(self.pairwise_bias)
        if not all(math.isfinite(x) for x in numbers):
            raise InputError("a weight is NaN or infinite; train again or give finite numbers")
        if self.agreement < 0 or self.reach < 0 or int(self.reach) != self.reach:
            raise InputError(
                f"agreement {self.agreement} and reach {self.reach} were given; "
                "give a number and a whole number of 0 or more"
            )

    @classmethod
    def robust(cls, names: Sequence[str]) -> MixingSettings:
        """Equal weights, led by agreement alone: for channels nothing is known of."""
        share = ROBUST_TOTAL / max(len(names), 1)
        return cls(
            names=tuple(names),
            weights=(share,) * len(names),
            bias=-ROBUST_TOTAL / 2,
            agreement=ROBUST_AGREEMENT,
        )

    @property
    def parameters(self) -> int:
        """How many numbers were learned: weights, biases, and the exponent where it is used."""
        pairwise = 0 if self.pairwise_weights is None else len(self.pairwise_weights)
        return (
            len(self.weights)
            + pairwise
            + 1
            + (self.pairwise_bias is not None)
            + (self.agreement > 0)
            + len(self.sizes or ())
        )

    def at_size(self, side: float) -> MixingSettings:
        """The mixing for a target of a size: what a method is worth depends on it.

        The sum of the weights stays the same, see :func:`factor_to_sum`. Pairwise weights are left
        as they are.

        Args:
            side: Square root of the target's area, pixels; taken as one of 16 to 256.
        """
        if self.sizes is None:
            return self
        scale = size_scale(side)
        raw = [w * scale**power for w, power in zip(self.weights, self.sizes, strict=True)]
        share = factor_to_sum(
            sum(self.weights), sum(raw), absolute_sum(self.weights), absolute_sum(raw)
        )
        return replace(self, weights=tuple(w * share for w in raw), sizes=None)

    def of_one_size(self) -> MixingSettings:
        """These settings, where they suit all sizes.

        Raises:
            InputError: If they follow the size of the target.
        """
        if self.sizes is not None:
            raise InputError(
                "weights that follow the size of the target were given where its size is not "
                "known; give those for one size, settings.at_size(side)"
            )
        return self

    def matched_to(self, names: Sequence[str]) -> MixingSettings:
        """The same numbers in another order of channels.

        Raises:
            InputError: If the channels are not the same ones; the sentence lists both.
        """
        if sorted(names) != sorted(self.names):
            raise InputError(
                f"the weights were made for channels {', '.join(self.names)} and the masks are "
                f"{', '.join(names)}; give masks of the same channels, or train weights for these"
            )
        order = [self.names.index(name) for name in names]

        def sort(values: tuple[float, ...] | None) -> tuple[float, ...] | None:
            return None if values is None else tuple(values[i] for i in order)

        return replace(
            self,
            names=tuple(names),
            weights=tuple(self.weights[i] for i in order),
            pairwise_weights=sort(self.pairwise_weights),
            sizes=sort(self.sizes),
        )


def size_scale(side: float) -> float:
    """A target's size in the unit that ``MixingSettings.sizes`` are exponents of.

    Args:
        side: Square root of its area, pixels.
    """
    return min(max(side, SIZES[0]), SIZES[1]) / USUAL_SIZE


def factor_to_sum(total: float, rest: float, total_abs: float, rest_abs: float) -> float:
    """What weights that changed are multiplied by, so that the bias keeps its meaning.

    Their sum becomes what it was. Weights of both signs could nearly cancel, or their sum change
    its sign: then it says nothing, and the sum of their absolute values becomes what it was.

    Args:
        total: Sum of the weights as they were.
        rest: Sum of the changed ones.
        total_abs: Sum of the absolute values of those as they were.
        rest_abs: Sum of the absolute values of the changed ones.
    """
    if abs(rest) < 1e-3 * rest_abs or total * rest <= 0:
        total, rest = total_abs, rest_abs
    return total / rest if rest > 0 or rest < 0 else 1.0


def absolute_sum(weights: Sequence[float]) -> float:
    """Sum of the absolute values of weights."""
    return sum(abs(w) for w in weights)
