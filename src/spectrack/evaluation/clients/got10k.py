"""A tracker as the toolkit of GOT-10k takes it: two methods, a name, and a flag.

    from got10k.experiments import ExperimentGOT10k
    from spectrack.evaluation.clients.got10k import GOT10kTracker

    ExperimentGOT10k("data/GOT-10k", subset="test").run(GOT10kTracker("nanotrack"))

The toolkit only looks for ``name``, ``is_deterministic``, ``init`` and ``update`` (Huang, Zhao,
Huang, TPAMI 2019, and its documentation); nothing of it is imported here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import Box, FrameHWC, Target
from spectrack.tracking.table import make_tracker, tracker_entry


class GOT10kTracker:
    """One of our trackers with the two methods of the toolkit.

    Boxes are ``(x, y, w, h)``, handed through as they stand in the files of the data set, which is
    how our reader takes GOT-10k's. The toolkit runs OTB too, whose first pixel is number 1.

    Args:
        tracker: Name in the table of trackers.
        name: What results are filed under; the tracker's where left out.
        first_pixel: Number that the data set gives to the first pixel.
        **settings: Of the tracker.

    Attributes:
        name: See above.
        is_deterministic: Whether two runs are alike; the toolkit repeats the others.

    Raises:
        InputError: If the tracker or a setting is unknown.
    """

    def __init__(
        self, tracker: str, name: str | None = None, first_pixel: int = 0, **settings: Any
    ) -> None:
        self.name = name or tracker
        self.is_deterministic = not tracker_entry(tracker).by_chance
        self._tracker = make_tracker(tracker, **settings)
        self._first = first_pixel
        self._last: Box | None = None

    def init(self, image: Any, box: Sequence[float] | NDArray[Any]) -> None:
        """Start on the first frame.

        Args:
            image: Pillow image, or uint8 RGB of shape (H, W, 3).
            box: Around the target.

        Raises:
            InputError: If image or box cannot be used.
        """
        given = Box.coerce(np.asarray(box, dtype=np.float64).ravel().tolist())
        self._last = Box(given.x - self._first, given.y - self._first, given.w, given.h)
        self._tracker.init(_frame(image), Target(box=self._last))

    def update(self, image: Any) -> NDArray[np.float64]:
        """The box in the next frame, shape (4,).

        The benchmark wants a box in every frame: where nothing is found, it is the last one.

        Raises:
            InputError: If the image cannot be used or :meth:`init` was not called.
        """
        found = self._tracker.update(_frame(image))
        if found.found and found.box is not None:
            self._last = found.box
        if self._last is None:
            raise InputError("update was called before init; give the first frame and its box")
        x, y, w, h = self._last
        return np.array([x + self._first, y + self._first, w, h])


def _frame(image: Any) -> FrameHWC:
    """uint8 RGB (H, W, 3) of a Pillow image or an array."""
    picture = image.convert("RGB") if hasattr(image, "convert") else image
    return np.ascontiguousarray(picture)
