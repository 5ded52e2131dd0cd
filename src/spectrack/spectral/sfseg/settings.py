"""Every choice of the spectral filter, named; and the two recipes of the paper and its code."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.spectral.sfseg.affinity import AFFINITIES, Affinity
from spectrack.spectral.sfseg.gaussian import kernel_taps

NORM_EPS = 1e-4
"""Added to a frame's norm and range by the ``frame`` normalisation, so that empty frames stay 0."""


@dataclass(frozen=True)
class SFSegSettings:
    """How :func:`spectrack.spectral.sfseg.filter.sfseg` filters (SFSeg++ paper, Algorithm 1).

    Attributes:
        p: Exponent of the unary map: the links of a pixel weigh ``S^p``. 0 or more; 0 ignores S
            (``0^0 = 1``). Small values trust the input less.
        alpha: Sharpness of the pairwise term ``exp(-alpha (f_i - f_j)^2)``, 0 or more. Above 1 the
            Taylor affinity has negative links for features in [0, 1].
        kernel: Odd window sizes along time, height, width; 1 leaves an axis alone.
        iterations: Number of steps, N_iter. 0 or more.
        continuous_iterations: Steps before soft-binarisation begins, N_cont. With as many as
            ``iterations`` the solution stays continuous.
        affinity: ``taylor`` (Eq. 2) or a fitted series: ``cosine2`` (fewer convolutions, closer),
            ``cosine3`` (as many, much closer), ``cosine5``.
        normalisation: After each step ``volume`` divides by the L2 norm of the whole video (Eq. 8);
            only the direction counts, so what is binarised or returned is divided by its maximum.
            ``frame`` divides each frame by its own norm, then stretches it to [0, 1] (published).
        steepness: Soft-binarisation is ``sigmoid(steepness (x - midpoint))``.
        midpoint: See ``steepness``; the value of x that becomes one half.
        floor: S is mapped to ``floor + (1 - 2 floor) S`` first. With a floor of 0 and p above 0 a
            pixel of value 0 can never become foreground.
        border: ``zero`` filters all frames with empty frames around the video; ``guard`` never
            filters the first and last ``2 (kernel[0] // 2)`` frames, only normalises them
            (published).
        threshold: Value of the result from which a pixel is foreground.
    """

    p: float = 0.2
    alpha: float = 1.0
    kernel: tuple[int, int, int] = (3, 7, 7)
    iterations: int = 5
    continuous_iterations: int = 4
    affinity: Affinity = "taylor"
    normalisation: Literal["volume", "frame"] = "volume"
    steepness: float = 20.0
    midpoint: float = 0.1
    floor: float = 0.0
    border: Literal["zero", "guard"] = "zero"
    threshold: float = 0.5

    def __post_init__(self) -> None:
        kernel_taps(self.kernel)
        for name in ("p", "alpha"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{name} is {value}; give a number of 0 or more.")
        for name in ("iterations", "continuous_iterations"):
            value = getattr(self, name)
            if int(value) != value or value < 0:
                raise InputError(f"{name} is {value}; give a whole number of 0 or more.")
        if not 0 <= self.floor < 0.5:
            raise InputError(f"floor is {self.floor}; give a number from 0 to below 0.5.")
        if not (math.isfinite(self.steepness) and self.steepness > 0):
            raise InputError(f"steepness is {self.steepness}; give a positive number.")
        for name in ("midpoint", "threshold"):
            if not math.isfinite(getattr(self, name)):
                raise InputError(f"{name} is {getattr(self, name)}; give a finite number.")
        choices = {
            "affinity": AFFINITIES,
            "normalisation": ("volume", "frame"),
            "border": ("zero", "guard"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                given = getattr(self, name)
                raise InputError(f"{name} is '{given}'; give one of {', '.join(allowed)}.")

    def guard(self) -> int:
        """Number of frames at each end that are never filtered."""
        return 2 * (self.kernel[0] // 2) if self.border == "guard" else 0


PRESETS: dict[str, SFSegSettings] = {
    "paper": SFSegSettings(),
    "published": SFSegSettings(
        p=0.5,
        alpha=1.0,
        kernel=(5, 5, 5),
        iterations=10,
        continuous_iterations=0,
        normalisation="frame",
        steepness=1.0,
        midpoint=0.0,
        border="guard",
        threshold=0.6225,
    ),
}
"""``paper``: Algorithm 1 with the window of section 4.2, p and alpha of the semi-supervised
experiments, four continuous iterations and one soft-binarised; where the paper is silent
(steepness, threshold) the best linear form is taken, a tenth of the maximum. ``published``: what
the authors' code does: normalisation per frame, a plain sigmoid after every iteration, guard frames
left unfiltered; its output lies in [0.5, 0.7311], so one half of a frame's range is
``sigmoid(0.5) = 0.6225``."""


MIXED = SFSegSettings(
    p=0.1,
    continuous_iterations=0,
    normalisation="frame",
    steepness=1.0,
    midpoint=0.0,
    floor=0.05,
    threshold=0.6225,
)
"""Eq. 10-11 on a soft mixed map (SFSeg++): p of the unsupervised experiments, the window of section
4.2, soft-binarisation after every iteration, every frame stretched to [0, 1] first, so that a
sub-video says the same as the whole video, and a floor that keeps the gradient of S^p finite."""


@dataclass(frozen=True)
class Activation:
    """What turns the raw result of a step into the next solution, one line a frame.

    ``scale_t x + offset_t``, then the sigmoid where ``sigmoid`` is set. The kernels apply it while
    they read, so that normalisation and binarisation cost no pass over memory of their own.

    Attributes:
        scale: (T,) float64.
        offset: (T,) float64.
        sigmoid: ``none``; ``unit`` where the argument is known to lie in [0, 1], which a short
            polynomial covers; ``any``.
    """

    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    sigmoid: Literal["none", "unit", "any"] = "none"


def first_activation(settings: SFSegSettings, frames: int) -> Activation:
    """The start: S itself, or S mapped above the floor."""
    scale = 1 - 2 * settings.floor
    return Activation(np.full(frames, scale), np.full(frames, settings.floor))


def no_activation(frames: int) -> Activation:
    """What is stored is the solution."""
    return Activation(np.ones(frames), np.zeros(frames))


def next_activation(
    settings: SFSegSettings, stats_t3: NDArray[np.float64], iteration: int, held: bool = False
) -> Activation:
    """Normalisation (Eq. 8 or per frame) and soft-binarisation after a step.

    Args:
        settings: The recipe.
        stats_t3: (T, 3) minimum, maximum and sum of squares of each frame's raw result.
        iteration: Number of the step just done, counted from 0.
        held: Whether some frames have known values, which are put in place of theirs afterwards.
    """
    low, high, squares = stats_t3.T
    binarise = iteration >= settings.continuous_iterations
    last = iteration == settings.iterations - 1
    if settings.normalisation == "frame":
        norm = np.sqrt(squares) + NORM_EPS
        scale = 1 / (norm * ((high - low) / norm + NORM_EPS))
        offset = -low * scale
    else:
        # What a person reads and what a sigmoid sees is relative to the maximum; in between the
        # unit norm of Eq. 8 keeps the numbers from running away. Known values bring a scale with
        # them, in which a full mask is 1: then every step is relative to the maximum.
        size = high.max() if binarise or last or held else math.sqrt(squares.sum())
        scale = np.full(len(low), 1 / size if size > 0 else 0.0)
        offset = np.zeros(len(low))
    if not binarise:
        return Activation(scale, offset)
    unit = settings.normalisation == "frame" and settings.steepness == 1 and settings.midpoint == 0
    steep = settings.steepness
    return Activation(
        steep * scale, steep * (offset - settings.midpoint), "unit" if unit else "any"
    )
