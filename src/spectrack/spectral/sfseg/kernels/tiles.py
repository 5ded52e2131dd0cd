"""How the Triton kernel cuts a video, and what that makes it move: plain numbers, no GPU.

A program owns a tile of the picture and a run of frames. It reads the tile with a rim as wide as
the kernel reaches, frame after frame, and keeps the last filtered ones in registers. So every value
is read once, but for rims and for the frames that two runs share.
"""

from __future__ import annotations

from dataclasses import dataclass

from spectrack.spectral.sfseg.settings import SFSegSettings

LARGEST_RING = 12
"""Filtered tiles that fit into the registers beside the work; one tile is 8 values a thread."""

RUN = 32
"""Frames of a run. Shorter ones read more frames twice, longer ones leave processors idle."""


@dataclass(frozen=True)
class Tiles:
    """The cut of a video for one recipe.

    Attributes:
        rows: Rows that a program reads, a power of two.
        cols: Columns that it reads, a power of two.
        reach: How far the kernel looks along time, height and width.
        planes: Maps that are filtered, see :func:`planes_of`.
        maps: Maps that are read: x, S^p and, where there is a pairwise term, the feature.
    """

    rows: int
    cols: int
    reach: tuple[int, int, int]
    planes: int
    maps: int

    @classmethod
    def of(cls, settings: SFSegSettings, channels: int) -> Tiles | None:
        """The cut for a recipe; None where the kernel does not take it."""
        reach = settings.kernel[0] // 2, settings.kernel[1] // 2, settings.kernel[2] // 2
        planes = planes_of(settings, channels)
        rows, cols = 32, 64
        fits = 4 * reach[1] <= rows and 4 * reach[2] <= cols
        if channels > 1 or not fits or 2 * reach[0] * planes > LARGEST_RING:
            return None
        return cls(rows, cols, reach, planes, 3 if planes > 1 else 2)

    @property
    def inner(self) -> tuple[int, int]:
        """Rows and columns of results of a program."""
        return self.rows - 2 * self.reach[1], self.cols - 2 * self.reach[2]

    def across(self, height: int, width: int) -> tuple[int, int]:
        """Tiles down and across a frame."""
        down, right = self.inner
        return -(-height // down), -(-width // right)

    def bytes_moved(
        self, frames: int, height: int, width: int, size: int, cached: bool = True
    ) -> int:
        """Bytes that a step reads and writes.

        Args:
            frames: Frames of the video.
            height: Rows of a frame.
            width: Columns.
            size: Bytes of a stored value.
            cached: Whether what several programs read comes from memory once, as it does where a
                few frames fit into the cache; else the rims and shared frames count, too.
        """
        written = frames * height * width
        if cached:
            return (self.maps + 1) * written * size
        down, right = self.across(height, width)
        runs = -(-frames // RUN)
        seen = frames + 2 * self.reach[0] * (runs - 1)
        read = self.maps * seen * down * right * self.rows * self.cols
        # Of the middle frame S^p and the feature are read again when it leaves.
        again = (self.maps - 1) * written
        return (read + again + written) * size

    def products(self, frames: int, height: int, width: int) -> int:
        """Multiply-adds of the matrix products of a step, the padding included."""
        down, right = self.across(height, width)
        lengths = self.rows * (self.reach[1] > 0) + self.cols * (self.reach[2] > 0)
        return frames * down * right * self.rows * self.cols * self.planes * lengths


def planes_of(settings: SFSegSettings, channels: int) -> int:
    """Maps that the affinity of at most one channel filters."""
    if channels == 0 or settings.alpha == 0:
        return 1
    return 3 if settings.affinity == "taylor" else int(settings.affinity[-1])
