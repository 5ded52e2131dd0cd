"""Fine score maps against golden arrays and against the series summed term by term."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
import torch

from golden import Golden
from spectrack.tracking.localisation import ScoreMap, Thresholds, localise
from spectrack.tracking.patches import pair
from spectrack.tracking.score_upsampling import upsample_scores


def test_atom_golden(golden: Golden):
    scores = torch.from_numpy(golden.scheme.uni("atom.scores", (1, 1, 18, 18)))[0, 0]
    fine = upsample_scores(scores, (288, 288), kernel=4)
    golden.compare("atom", "fourier.scores_centred", fine)
    golden.compare("atom", "fourier.scores_uncentred", fine.roll((-144, -144), (0, 1)))
    # one pixel of the map is one of the patch; the target was in the middle of it
    scale = np.float32(1.3)
    found = localise(
        ScoreMap(fine.numpy(), pair((1, 1)), pair((144, 144))),
        pair((60, 50)) / scale,
        pair((0, 0)),
        Thresholds(),
    )
    for key in ("translation", "translation_adv"):
        golden.compare("atom", f"fourier.{key}", found.moved_yx * scale)


@pytest.mark.parametrize("kernel", [3, 4])
@pytest.mark.parametrize(("cells", "pixels"), [((6, 6), (24, 24)), ((5, 8), (20, 16))])
def test_series_summed_term_by_term(cells: tuple[int, int], pixels: tuple[int, int], kernel: int):
    scores = torch.randn(cells, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    h, w = cells
    middle = [(n - kernel % 2) / 2 for n in cells]
    spectrum = np.fft.fft2(scores.numpy())
    fine = upsample_scores(scores, pixels, kernel)
    for j in range(0, pixels[0], 3):
        for i in range(0, pixels[1], 5):
            y = (j - pixels[0] // 2) * h / pixels[0] + middle[0]
            x = (i - pixels[1] // 2) * w / pixels[1] + middle[1]
            total = 0j
            for ky in range(-(h // 2), h // 2 + 1):
                for kx in range(-(w // 2), w // 2 + 1):
                    turn = 2j * math.pi * (ky * y / h + kx * x / w)
                    total += spectrum[ky % h, kx % w] * cmath.exp(turn)
            assert total.real / (h * w) == pytest.approx(float(fine[j, i]), abs=1e-9)


def test_a_wave_that_the_cells_can_hold_is_drawn_exactly():
    """Below the highest frequency, values between cells are those of the wave."""
    at = torch.arange(18, dtype=torch.float64)

    def wave(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        turn = 2 * torch.pi / 18
        return (turn * (3 * y - 1))[:, None].cos() + (turn * 5 * x + 0.3)[None].sin() + 2

    fine = upsample_scores(wave(at, at), (288, 288), kernel=4)
    place = (torch.arange(288, dtype=torch.float64) - 144) / 16 + 9
    torch.testing.assert_close(fine, wave(place, place))
