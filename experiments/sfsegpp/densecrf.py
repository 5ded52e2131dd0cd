"""The DenseCRF rival: fully connected CRF with Gaussian edges (Krähenbühl and Koltun, NIPS 2011).

    python experiments/sfsegpp/densecrf.py DATA [--method LVO] [--sequence SEQUENCE]

Refines the published masks of one method frame by frame and prints what this does to J, and the
time a frame takes. Needs the extra ``rivals``: the authors' own C++ behind ``pydensecrf2``.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.davis import Davis2016
from spectrack.errors import InputError
from spectrack.metrics.regions import jaccard_t
from spectrack.refinement.whole_video import fill_missing
from spectrack.video.soft_masks import open_masks


@dataclass(frozen=True, kw_only=True)
class DenseCRFSettings:
    """The values of the example that comes with the authors' code.

    Args:
        certainty: What the CRF is told to believe a mask: 1 becomes this probability of
            foreground, 0 that of background, soft values lie between. Above one half, below 1.
        gaussian_xy: Standard deviation of the smoothing term, pixels.
        gaussian_weight: Its weight.
        bilateral_xy: Standard deviation of the colour term in space, pixels.
        bilateral_rgb: The same in colour, levels of 255.
        bilateral_weight: Its weight.
        iterations: Of mean field.
    """

    certainty: float = 0.7
    gaussian_xy: float = 3.0
    gaussian_weight: float = 3.0
    bilateral_xy: float = 80.0
    bilateral_rgb: float = 13.0
    bilateral_weight: float = 10.0
    iterations: int = 5

    def __post_init__(self) -> None:
        if not 0.5 < self.certainty < 1:
            raise InputError(
                f"certainty is {self.certainty}; give a number above one half and below 1"
            )


def densecrf(
    frame_hwc: NDArray[np.uint8],
    soft_hw: NDArray[np.float32],
    settings: DenseCRFSettings | None = None,
) -> NDArray[np.float32]:
    """Refine one soft mask by the colours of its frame.

    Args:
        frame_hwc: uint8 RGB, (H, W, 3).
        soft_hw: float in [0, 1], (H, W).
        settings: The authors' example where left out.

    Returns:
        float32 (H, W): probability of foreground after the last iteration.

    Raises:
        InputError: If shapes do not fit, or ``pydensecrf2`` is not installed.
    """
    if frame_hwc.dtype != np.uint8 or frame_hwc.shape != (*soft_hw.shape, 3):
        raise InputError(
            f"a {frame_hwc.dtype} frame of shape {frame_hwc.shape} was given for a mask of shape "
            f"{soft_hw.shape}; expected uint8 RGB of the same size"
        )
    try:
        from pydensecrf.densecrf import DenseCRF2D
    except ImportError:
        raise InputError(
            "pydensecrf2 is not installed; install it with pip install 'spectrack[rivals]'"
        ) from None
    s = settings or DenseCRFSettings()
    height, width = soft_hw.shape
    foreground = (1 - s.certainty) + (2 * s.certainty - 1) * soft_hw.astype(np.float32)
    energy = -np.log(np.stack([1 - foreground, foreground]).reshape(2, -1))
    crf = DenseCRF2D(width, height, 2)
    crf.setUnaryEnergy(np.ascontiguousarray(energy, dtype=np.float32))
    crf.addPairwiseGaussian(sxy=s.gaussian_xy, compat=s.gaussian_weight)
    crf.addPairwiseBilateral(
        sxy=s.bilateral_xy,
        srgb=s.bilateral_rgb,
        rgbim=np.require(frame_hwc, requirements=["C", "W"]),  # it asks to write, but does not
        compat=s.bilateral_weight,
    )
    probability = np.array(crf.inference(s.iterations), dtype=np.float32)
    return probability[1].reshape(height, width)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", help="folder of DAVIS-2016")
    parser.add_argument("--method", default="lvo", help="folder in Results/480p")
    parser.add_argument("--sequence", default="blackswan")
    options = parser.parse_args()
    sequence = Davis2016(options.data, sequences=[options.sequence])[options.sequence]
    folder = Path(options.data) / "Results" / "480p" / options.method / sequence.name
    with sequence.frames() as frames:
        masks = open_masks(folder, frames)[1]
        soft = fill_missing([masks[t] for t in range(len(masks))])
        begin = time.perf_counter()
        refined = [densecrf(frame, mask) >= 0.5 for frame, mask in zip(frames, soft, strict=True)]
        spent = time.perf_counter() - begin
    truth = [sequence.truth_mask(t) for t in range(len(sequence))]
    for name, hard in (("input", [mask >= 0.5 for mask in soft]), ("DenseCRF", refined)):
        print(f"{name}: J {100 * jaccard_t(hard, truth)[1:-1].mean():.2f}")
    print(f"{1000 * spent / len(refined):.0f} ms a frame")


if __name__ == "__main__":
    main()
