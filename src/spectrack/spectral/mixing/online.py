"""Mixing without future: the weights of the mixing from past frames alone.

a_it is here the mean over the frames t - reach .. t, so that each frame comes out at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.spectral.mixing.mixing import (
    Mixed,
    agreement,
    mix_frame,
    present_flags,
    smooth_agreement,
    to_bytes,
)
from spectrack.spectral.mixing.settings import MixingSettings


class OnlineMixer:
    """Mixes each frame of a video at once; of past frames only the agreements are kept.

    Args:
        settings: Channels and their weights; ``reach`` counts past frames only.

    Raises:
        InputError: If the weights follow the target's size.
    """

    def __init__(self, settings: MixingSettings) -> None:
        self.settings = settings.of_one_size()
        self._agreement: deque[tuple[NDArray[np.float64], NDArray[np.bool_]]] = deque(
            maxlen=settings.reach + 1
        )

    @property
    def held(self) -> int:
        """Frames whose agreements are held now."""
        return len(self._agreement)

    def push(
        self,
        channels_chw: NDArray[Any],
        present_c: Any = None,
        weights: Sequence[float] | None = None,
    ) -> Mixed:
        """Mix the channels of the next frame.

        Args:
            channels_chw: (C, H, W): bytes with 255 for 1, bool, or floats in [0, 1] (kept to
                1/255). H and W may be those of a part of the frame, another one each time, that
                holds all that the channels show: agreement and disagreement do not change by
                what is empty in all of them.
            present_c: Which channels have a mask here, bool (C,); all by default.
            weights: In the place of the settings' for this frame alone.

        Returns:
            The mixed frame.

        Raises:
            InputError: If the shape does not fit, or a value is NaN or outside [0, 1].
        """
        count = len(self.settings.names)
        if channels_chw.ndim != 3 or len(channels_chw) != count or not channels_chw.size:
            raise InputError(
                f"channels of shape {channels_chw.shape} were given; expected {count} maps of one "
                "pixel or more, (C, H, W)"
            )
        bytes_chw, present = to_bytes(channels_chw), present_flags(present_c, count)
        self._agreement.append((agreement(bytes_chw, present), present))
        settings = self.settings
        if weights is not None:
            settings = replace(settings, weights=tuple(weights))
        return mix_frame(settings, bytes_chw, present, smooth_agreement(self._agreement))

    def reset(self) -> None:
        """Forget past frames, for a cut or another video."""
        self._agreement.clear()
