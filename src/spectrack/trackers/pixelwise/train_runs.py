"""Algorithm 1 over training videos: the maps and regions that the next stage learns from.

Videos are followed in chunks, each from its true first mask on, as long as the sequences that the
global network learns from. What a chunk gave is kept in a file a video, so that a run that was
stopped goes on; everything is done on one thread, so that the numbers are the same on any machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spectrack.storage import Progress, replacing
from spectrack.structures import Target
from spectrack.trackers.pixelwise.network import Pixelwise
from spectrack.trackers.pixelwise.settings import PixelwiseSettings
from spectrack.trackers.pixelwise.tracker import PixelwiseTracker, squeezed
from spectrack.trackers.pixelwise.train_footage import Footage
from spectrack.trackers.pixelwise.train_maps import FINER, MapClip
from spectrack.training.loop.exact import exact_arithmetic, use_threads


@dataclass(frozen=True, eq=False)
class Followed:
    """What following a video gave.

    Attributes:
        maps_thw: Maps of the masks, uint8; true ones in the first frames of chunks.
        regions_t3: Where each frame was looked at: (x, y, side), pixels; a side of 0 in frames
            that belong to no chunk.
        starts_n: First frames of the chunks.
    """

    maps_thw: NDArray[np.uint8]
    regions_t3: NDArray[np.float32]
    starts_n: NDArray[np.int64]

    def clip(self, truth: MapClip) -> MapClip:
        """For the global network: these maps beside the true ones."""
        return MapClip(truth.truth_thw, truth.aspect, self.maps_thw, self.starts_n.tolist())


def chunk_starts(footage: Footage, length: int) -> list[int]:
    """First frames of chunks of so many frames, the target in sight in each.

    The last one may be shorter, down to half as long, and a video has one in any case.
    """
    found: list[int] = []
    end = 0
    for t in footage.visible():
        if t >= end and (not found or len(footage) - t > length // 2):
            found.append(t)
            end = t + length
    return found


@torch.inference_mode()
def follow(footage: Footage, tracker: PixelwiseTracker, map_side: int, length: int) -> Followed:
    """Follow a video chunk by chunk.

    Args:
        footage: The video.
        tracker: Started anew for each chunk.
        map_side: Of the global network's maps; kept ones are :data:`FINER`.
        length: Frames of a chunk.
    """
    maps = np.zeros((len(footage), FINER * map_side, FINER * map_side), np.uint8)
    regions = np.zeros((len(footage), 3), np.float32)
    starts = chunk_starts(footage, length)
    for start in starts:
        for t in range(start, min(start + length, len(footage))):
            frame = footage.read(t)
            answer = (
                tracker.init(frame, Target(mask=footage.mask(t)))
                if t == start
                else (tracker.update(frame))
            )
            assert answer.mask is not None
            small = squeezed(answer.mask.astype(np.float32), FINER * map_side)
            maps[t] = np.rint(255 * small).astype(np.uint8)
            region = tracker.region
            regions[t] = region.x, region.y, region.side
    return Followed(maps, regions, np.array(starts))


def follow_all(
    footage: Sequence[Footage],
    network: Pixelwise,
    folder: Path,
    length: int,
    settings: PixelwiseSettings,
    progress: Progress | None = None,
) -> dict[str, Followed]:
    """Follow videos, or read what is in the folder already.

    Args:
        footage: The videos.
        network: Follows them.
        folder: A file a video.
        length: Frames of a chunk.
        settings: Of the tracker.
        progress: Called with videos done and in all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Followed] = {}
    device = torch.device("cpu")
    with exact_arithmetic(device):
        use_threads(1)
        tracker = PixelwiseTracker(replace(settings, device="cpu"), network.eval())
        for number, one in enumerate(footage):
            file = folder / f"{one.name}.npz"
            if not file.is_file():
                made = follow(one, tracker, network.global_attention.map_side, length)
                with replacing(file) as part, part.open("wb") as out:
                    arrays: dict[str, Any] = {
                        "maps": made.maps_thw,
                        "regions": made.regions_t3,
                        "starts": made.starts_n,
                    }
                    np.savez_compressed(out, **arrays)
            with np.load(file) as held:
                found[one.name] = Followed(held["maps"], held["regions"], held["starts"])
            if progress is not None:
                progress(number + 1, len(footage))
    return found
