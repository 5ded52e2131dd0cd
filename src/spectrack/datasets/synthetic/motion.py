"""Synthetic motion: a short clip with exact masks, made from one still.

The object is cut out, the hole behind it filled, and both move: the view by a camera's smooth
affine motion, the object by its own on top, with a smooth random displacement field that changes
its shape (random values on a coarse grid, spread bicubically). Other objects and look-alikes
move about, things pass in front, and a camera's faults are added. Ranges are in MotionSettings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.synthetic.layers import (
    Layer,
    Pixels,
    Places,
    behind,
    cut_out,
    paint,
    shift,
    shrink,
    smear,
    visible,
)
from spectrack.datasets.synthetic.lens import tint
from spectrack.datasets.synthetic.motion_settings import NO_MOTION, MotionSettings
from spectrack.datasets.synthetic.occluders import odd_shape
from spectrack.datasets.synthetic.stills import Still
from spectrack.datasets.synthetic.wander import Wander, about, bends
from spectrack.errors import InputError

__all__ = ["NO_MOTION", "MotionClip", "MotionSettings", "Wander", "synthetic_motion"]

FEWEST_PIXELS = 40  # of a target, whatever ``sides`` says
LARGEST_ZOOM = 4.0  # of a still; beyond it there is only blur

Point = NDArray[np.float64]  # x, y


@dataclass(frozen=True, eq=False)
class MotionClip:
    """A clip and its truth.

    Args:
        frames_thwc: uint8 RGB (T, H, W, 3).
        masks_thw: bool (T, H, W), the visible part of the target.
        places_t33: Pixels (x, y, 1) of the still to pixels of each frame, before ``bend``.
    """

    frames_thwc: NDArray[np.uint8]
    masks_thw: NDArray[np.bool_]
    places_t33: Places


def synthetic_motion(
    still: Still,
    rng: np.random.Generator,
    frames: int = 2,
    settings: MotionSettings | None = None,
    others: Sequence[Still] = (),
) -> MotionClip:
    """A short clip of a still's object.

    The target may leave the view in part, and in clips of many frames wholly: a later mask may be
    empty.

    Args:
        still: With at least one pixel in its mask.
        rng: Everything random comes from it; the same state gives the same clip.
        frames: Number of frames, 1 or more.
        settings: Ranges; the defaults where left out.
        others: Stills for distractors, occluders and backgrounds; two or three are enough.

    Raises:
        InputError: If a still's mask is empty, or frames is below 1.
    """
    for given in (still, *others):
        if not given.mask_hw.any():
            name = f"still {given.source}/{given.stem}" if given.stem else "a still"
            raise InputError(f"{name} has an empty mask; give stills with an object")
    if frames < 1:
        raise InputError(f"{frames} frames were asked for; ask for 1 or more")
    return _Scene(still, rng, frames, settings or MotionSettings(), others).shoot()


class _Scene:
    """The random choices of one clip, in the order in which they are made."""

    def __init__(
        self,
        still: Still,
        rng: np.random.Generator,
        frames: int,
        settings: MotionSettings,
        others: Sequence[Still],
    ) -> None:
        self.rng, self.frames, self.settings = rng, frames, settings
        self.still, self.others = still, others
        self.size_wh = settings.size_wh or _limited(still, settings.longest)
        self.short = min(self.size_wh)
        self.shutter = rng.uniform(0.2, 0.8) * self.chance(settings.shutter)
        middle = (np.array(self.size_wh) - 1) / 2
        self.camera = settings.camera.path(rng, frames, middle, self.short)

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def shoot(self) -> MotionClip:
        """Make all choices, then draw every frame from back to front."""
        size = self.size_wh
        view, place = self.frame_up()
        ground = self.background(view)
        cut, offset = cut_out(self.still.image_hwc, self.still.mask_hw, self.settings.feather)
        spread = self.settings.bend * _side(cut, place)
        places = self.places(cut, place @ offset, self.settings.target, self.settings.tilt)
        target = self.layer(cut, places, bends(self.rng, self.frames, spread))
        back, front = self.bystanders(cut, target)
        front = self.uncover(target, front)
        shots, masks = [], []
        for t in range(self.frames):
            drawn = cv2.warpAffine(
                ground.pixels_hwc,
                ground.places_t33[t, :2],
                size,
                borderMode=cv2.BORDER_REFLECT_101,
            )
            shot = np.asarray(drawn, np.uint8)
            if ground.smears_t2 is not None:
                shot = smear(shot, ground.smears_t2[t])
            patch, covers = target.draw(t, size), [layer.draw(t, size) for layer in front]
            for each in (*(layer.draw(t, size) for layer in back), patch, *covers):
                paint(shot, each)
            shots.append(shot)
            masks.append(visible(patch, covers, size))
        shots = self.settings.lens.spoil(shots, self.rng)
        return MotionClip(np.stack(shots), np.stack(masks), places @ np.linalg.inv(offset))

    def frame_up(self) -> tuple[Places, Places]:
        """Where the still and where the target lie in the first frame.

        They lie together where the still, zoomed, covers the frame; otherwise the target alone is
        made small, and put anywhere.
        """
        height, width = self.still.mask_hw.shape
        still_wh, size = np.array([width, height]), np.array(self.size_wh)
        cover = float((size / still_wh).max())
        flip = np.eye(3)
        if self.chance(self.settings.mirror):
            flip[0] = (-1, 0, width - 1)
        if self.settings.sides is None:
            view = _zoom(cover, (size - cover * still_wh) / 2) @ flip
            return view, view
        x, y, w, h = cv2.boundingRect(self.still.mask_hw.view(np.uint8))
        if flip[0, 0] < 0:
            x = width - x - w
        low, high = np.sqrt(self.settings.sides)
        zoom = float(self.rng.uniform(low, high)) ** 2 * self.short / max(w, h)
        least = np.sqrt(FEWEST_PIXELS / self.still.mask_hw.sum())
        zoom = max(min(zoom, LARGEST_ZOOM), float(least))
        middle = size * self.rng.uniform(0.1, 0.9, 2)
        corner = middle - zoom * np.array([x + w / 2, y + h / 2])
        if zoom >= cover:
            view = _zoom(zoom, np.clip(corner, size - zoom * still_wh, 0)) @ flip
            return view, view
        return self.crop(still_wh, cover) @ flip, _zoom(zoom, corner) @ flip

    def crop(self, still_wh: Point, cover: float) -> Places:
        """A random part of a still, at least as large as the frame."""
        zoom = cover * self.rng.uniform(1, 1.4)
        return _zoom(zoom, self.rng.uniform(0, 1, 2) * (np.array(self.size_wh) - zoom * still_wh))

    def background(self, view: Places) -> Layer:
        """The still without its object, or another still."""
        if self.others and self.chance(self.settings.backdrop):
            pixels = self.any_other().image_hwc
            still_wh = np.array(pixels.shape[1::-1])
            view = self.crop(still_wh, float((np.array(self.size_wh) / still_wh).max()))
        else:
            pixels = behind(self.still.image_hwc, self.still.mask_hw, self.settings.feather)
        return self.layer(pixels, self.camera @ view)

    def bystanders(self, cut: Pixels, target: Layer) -> tuple[list[Layer], list[Layer]]:
        """Layers behind and layers in front of the target."""
        rng, settings = self.rng, self.settings
        back: list[Layer] = []
        front: list[Layer] = []
        side, middle = _side(target.pixels_hwc, target.places_t33[0]), _middle(target)
        for _ in range(int(rng.integers(0, settings.distractors + 1))):
            pixels = cut
            if self.others and not self.chance(settings.lookalike):
                pixels = self.other_object()
            elif self.chance(0.5):
                pixels = np.dstack([tint(cut[..., :3], rng, 0.4), cut[..., 3]])
            beside = middle + rng.normal(0, 1, 2) * side
            where = beside if self.chance(0.5) else rng.uniform(0, 1, 2) * self.size_wh
            other = self.bystander(pixels, side * np.exp(rng.uniform(-0.7, 0.5)), where)
            (front if self.chance(0.3) else back).append(other)
        if self.chance(settings.occluder):
            where = middle + rng.uniform(-0.5, 0.5, 2) * side
            if self.others and self.chance(0.4):
                pixels, size = self.other_object(), side * rng.uniform(0.4, 1)
            else:
                image = (self.any_other() if self.others else self.still).image_hwc
                pixels, size = odd_shape(image, rng), side * rng.uniform(0.4, 1.5)
            front.append(self.bystander(pixels, size, where))
        return back, front

    def bystander(self, pixels: Pixels, side: float, where: Point) -> Layer:
        """A cut-out of that side, in pixels, moving from there on."""
        zoom = min(side, self.short) / max(pixels.shape[:2])
        flip = np.diag([-1.0 if self.chance(0.5) else 1.0, 1, 1])
        centre = (np.array(pixels.shape[1::-1]) - 1) / 2
        place = shift(*where) @ np.diag([zoom, zoom, 1]) @ flip @ shift(*-centre)
        return self.layer(pixels, self.places(pixels, place, self.settings.bystanders, 0.2))

    def uncover(self, target: Layer, front: list[Layer]) -> list[Layer]:
        """What may stay in front, so that enough of the target is seen in the first frame."""
        first = target.draw(0, self.size_wh)
        enough = self.settings.least_visible * visible(first, (), self.size_wh).sum()
        while front:
            covers = [layer.draw(0, self.size_wh) for layer in front]
            if visible(first, covers, self.size_wh).sum() >= enough:
                break
            front = front[:-1]
        return front

    def places(self, pixels: Pixels, place: Places, motion: Wander, tilt: float) -> Places:
        """Where a cut-out is in every frame: its own motion, and then the camera's."""
        centre = _apply(place, (np.array(pixels.shape[1::-1]) - 1) / 2)
        turned = about(centre, self.rng.normal(0, tilt)) @ place
        path = motion.path(self.rng, self.frames, centre, _side(pixels, place))
        return np.asarray(self.camera @ path @ turned)

    def layer(
        self, pixels: Pixels, places: Places, bent: NDArray[np.float32] | None = None
    ) -> Layer:
        pixels, back = shrink(pixels, _scale(places[0]))
        layer = Layer(pixels, places @ back, bent)
        if not self.shutter or self.frames < 2:
            return layer
        middles = np.array([_middle(layer, t) for t in range(self.frames)])
        return Layer(pixels, places @ back, bent, self.shutter * np.gradient(middles, axis=0))

    def any_other(self) -> Still:
        return self.others[int(self.rng.integers(len(self.others)))]

    def other_object(self) -> Pixels:
        other = self.any_other()
        return cut_out(other.image_hwc, other.mask_hw, max(self.settings.feather, 1))[0]


def _limited(still: Still, longest: int) -> tuple[int, int]:
    height, width = still.mask_hw.shape
    scale = min(1.0, longest / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _zoom(zoom: float, corner_xy: Point) -> Places:
    """Zoom such that the still's outer corner (not its first pixel's centre) comes to lie there."""
    return shift(*(corner_xy - 0.5)) @ np.diag([zoom, zoom, 1]) @ shift(0.5, 0.5)


def _scale(place: Places) -> float:
    return float(np.sqrt(abs(np.linalg.det(place[:2, :2]))))


def _side(pixels: Pixels, place: Places) -> float:
    return max(pixels.shape[:2]) * _scale(place)


def _apply(place: Places, point_xy: Point) -> Point:
    return np.asarray(place[:2, :2] @ point_xy + place[:2, 2])


def _middle(layer: Layer, frame: int = 0) -> Point:
    return _apply(layer.places_t33[frame], (np.array(layer.pixels_hwc.shape[1::-1]) - 1) / 2)
