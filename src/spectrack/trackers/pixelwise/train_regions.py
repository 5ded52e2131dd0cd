"""What the local network learns from: the region of a target through a clip (section 3.3).

The region's place is that of the mask some frames ago, its width twice the mask's longer side, and
both are perturbed. At a random time the region shows another video, and nothing is the target
there: without such frames the network merely learns what is salient (section 3.4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.datasets.synthetic.stills import Still
from spectrack.errors import InputError
from spectrack.trackers.pixelwise.region import Region
from spectrack.trackers.pixelwise.train_footage import Footage, footage_of_still
from spectrack.tracking.square_crop import OUTSIDE

DRAWS = 100
"""So often something of a kind is drawn before one does without."""
PIXELS = 224
"""Side of a region in the pixels that shifts are counted in."""


@dataclass(frozen=True, slots=True)
class RegionSettings:
    """What samples of the local network are; values are the paper's unless said otherwise.

    Args:
        side: Of the regions as the network sees them.
        frames: To segment, after the first. The paper does not say how many.
        lag: The region lies where the mask was so many frames ago.
        context: Its width in longer sides of the mask,
        smallest: at least so many pixels of the frame,
        largest: and at most.
        scale: Its width is multiplied by a factor of 1 -+ this.
        shift: Largest shift, in 224ths of its width.
        noise: Replace one frame by another video's, where there is another.
        mirror: Chance of a mirrored clip, and of one that runs backwards; ours.
        stills: Share of clips made of stills; ours.
    """

    side: int = 224
    frames: int = 31
    lag: int = 5
    context: float = 2.0
    smallest: float = 56.0
    largest: float = 672.0
    scale: float = 0.1
    shift: float = 10.0
    noise: bool = True
    mirror: float = 0.5
    stills: float = 0.0

    def __post_init__(self) -> None:
        if self.frames < 1 or self.lag < 0:
            raise InputError(
                f"samples have {self.frames} frames and a lag of {self.lag}; give 1, and 0, or more"
            )

    def fixed(self) -> RegionSettings:
        """For samples to judge by: no noise, nothing mirrored, videos alone."""
        return replace(self, noise=False, mirror=0.0, stills=0.0)


Cut = tuple[NDArray[np.uint8], NDArray[np.uint8]]
Paths = Mapping[str, NDArray[np.float32]]
"""For a video by name: the region of every frame as the global network placed it, (T, 3) of x, y
and side; a side of 0 where it did not."""


class LocalSamples:
    """Clips of regions, drawn from torch's global generator; each epoch has new ones.

    A sample: ``images`` uint8 (1 + frames, 3, S, S), ``masks`` uint8 of 0 and 1 (1 + frames, S, S).
    The first frame is the one whose mask is given.

    Args:
        footage: Videos.
        count: Samples an epoch.
        settings: See :class:`RegionSettings`.
        stills: What clips are made of, where the settings want some.
        paths: Regions of a run, in place of those that the masks give.
        seed: Makes the samples the same every time, whatever the generator.

    Raises:
        InputError: If there is nothing to learn from.
    """

    def __init__(
        self,
        footage: Sequence[Footage],
        count: int,
        settings: RegionSettings,
        stills: Sequence[Still] = (),
        paths: Paths | None = None,
        seed: int | None = None,
    ) -> None:
        self._footage = [one for one in footage if len(one.visible()) > 1]
        self._count, self.settings, self._seed = count, settings, seed
        self._stills, self._paths = stills, paths
        if not self._footage:
            raise InputError("no video shows its target twice; give videos with masks")
        if settings.stills > 0 and not len(stills):
            raise InputError("clips of stills were asked for and there are none; give stills")

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """A sample."""
        drawn = int(torch.randint(2**62, ())) if self._seed is None else index
        rng = np.random.default_rng((self._seed or 0, drawn))
        s = self.settings
        one = self._drawn(1 + s.frames, rng)
        cuts = self._clip(one, rng)
        other = self._another(one, rng) if s.noise and s.frames > 1 else None
        if other is not None:
            image, mask = self._elsewhere(other, rng)
            cuts[int(rng.integers(1, len(cuts)))] = image, np.zeros_like(mask)
        images = np.stack([image for image, _ in cuts]).transpose(0, 3, 1, 2)
        masks = np.stack([mask for _, mask in cuts])
        if rng.random() < s.mirror:
            images, masks = images[..., ::-1], masks[..., ::-1]
        return {
            "images": torch.from_numpy(np.ascontiguousarray(images)),
            "masks": torch.from_numpy(np.ascontiguousarray(masks)),
        }

    def _drawn(self, frames: int, rng: np.random.Generator) -> Footage:
        """A video, or so many frames of a still in motion."""
        s = self.settings
        for _ in range(DRAWS):
            if rng.random() >= s.stills:
                break
            made = footage_of_still(self._stills, frames, rng)
            if made.boxes[0] is not None:
                return made
        return self._footage[int(rng.integers(len(self._footage)))]

    def _another(self, one: Footage, rng: np.random.Generator) -> Footage | None:
        """Another video; None where none was drawn, as where there is one alone."""
        drawn = (self._drawn(1, rng) for _ in range(DRAWS))
        return next((other for other in drawn if other.name != one.name), None)

    def _clip(self, one: Footage, rng: np.random.Generator) -> list[Cut]:
        """The first frame and those after it; the last one goes on where a video ends."""
        s, path = self.settings, (self._paths or {}).get(one.name)
        step = -1 if path is None and rng.random() < s.mirror else 1
        seen, last = one.visible(), len(one) - 1
        room = [t for t in seen if 0 <= t + step * s.frames <= last]
        start = int(rng.choice(room or seen))
        times = [min(max(start + step * n, 0), last) for n in range(1 + s.frames)]
        cuts = []
        for number, t in enumerate(times):
            if path is not None and number and path[t, 2] > 0:
                region = Region(*(float(v) for v in path[t]))
            else:
                region = self._place(one, times, number, rng)
            cuts.append(self._cut(one, t, region))
        return cuts

    def _place(
        self, one: Footage, times: Sequence[int], number: int, rng: np.random.Generator
    ) -> Region:
        """The region of a clip's frame: about the mask of some frames ago, perturbed.

        Before the clip begins nothing is known but its first mask.
        """
        known = range(max(number - self.settings.lag, 0), -1, -1)
        box = next(b for n in known if (b := one.boxes[times[n]]) is not None)
        return self._perturbed(Region.around(box, self.settings.context), rng)

    def _perturbed(self, region: Region, rng: np.random.Generator) -> Region:
        s = self.settings
        region = region.within(s.smallest, s.largest)
        side = region.side * rng.uniform(1 - s.scale, 1 + s.scale)
        x, y = rng.uniform(-s.shift, s.shift, 2) * region.side / PIXELS
        return Region(region.x + x, region.y + y, side)

    def _elsewhere(self, one: Footage, rng: np.random.Generator) -> Cut:
        t = int(rng.choice(one.visible()))
        box = one.boxes[t]
        assert box is not None
        return self._cut(one, t, self._perturbed(Region.around(box, self.settings.context), rng))

    def _cut(self, one: Footage, index: int, region: Region) -> Cut:
        crop = region.crop(self.settings.side)
        mask = crop.cut(one.mask(index).astype(np.float32))
        return crop.cut(one.read(index), OUTSIDE), (mask >= 0.5).astype(np.uint8)
