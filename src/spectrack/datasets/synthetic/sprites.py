"""What the synthetic scene is painted with: a pebbled floor, koi and lily pads.

Painting is in float32 RGB in [0, 255]. A sprite is drawn into an image of shape (H, W, 3) through
its signed distance in pixels (positive inside): its coverage is ``clip(distance + 0.5, 0, 1)``,
so ``distance >= 0`` is its exact hard mask. A *pose* is (x, y, angle, scale) on the screen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Pose = tuple[float, float, float, float]

# Half width of a koi from nose (0) to tail tip (1), as a share of the widest place.
_PROFILE_U = (0.0, 0.01, 0.04, 0.1, 0.2, 0.32, 0.45, 0.6, 0.74, 0.8, 0.86, 0.94, 1.0)
_PROFILE_W = (0.0, 0.22, 0.45, 0.68, 0.9, 1.0, 0.93, 0.68, 0.38, 0.34, 0.55, 0.9, 1.1)
_LIGHT = (-0.6, -0.8)


def periodic_noise(
    rng: np.random.Generator, size_wh: tuple[int, int], slope: float, low: float = 0.0
) -> Float:
    """Noise that tiles without a seam, zero mean and unit variance, shape (H, W).

    Args:
        rng: Source of randomness.
        size_wh: Width and height of the tile.
        slope: Its spectrum falls as ``frequency ** -slope``; higher is smoother.
        low: Frequencies below this many cycles a tile are left out.
    """
    width, height = size_wh
    fy = np.fft.fftfreq(height)[:, None] * height
    fx = np.fft.rfftfreq(width)[None] * width
    radius = np.hypot(fx * height / max(width, height), fy * width / max(width, height))
    gain = np.where(radius > low, np.maximum(radius, 1e-9) ** -slope, 0.0)
    noise = np.fft.irfft2(
        np.fft.rfft2(rng.standard_normal((height, width))) * gain, (height, width)
    )
    return ((noise - noise.mean()) / max(float(noise.std()), 1e-9)).astype(np.float32)


def pond_floor(rng: np.random.Generator, size_wh: tuple[int, int], unit: float) -> Float:
    """A tile of sand and pebbles that wraps around, shape (H, W, 3)."""
    width, height = size_wh
    broad = periodic_noise(rng, size_wh, 1.8)[..., None]
    grain = periodic_noise(rng, size_wh, 0.6)[..., None]
    sand = np.array([96, 104, 84], np.float32) + broad * np.array([17, 13, 8], np.float32)
    floor: Float = np.clip(sand + 9 * grain, 0, 255).astype(np.float32)
    palette = np.array(
        [
            [122, 116, 100],
            [92, 98, 92],
            [142, 122, 96],
            [70, 80, 76],
            [168, 158, 140],
            [156, 96, 66],
        ],
        np.float32,
    )
    count = int(width * height / (220 * unit * unit))
    for _ in range(count):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        long = unit * (3 + 11 * rng.random() ** 2.2)
        axes = (long, long * rng.uniform(0.6, 0.95))
        angle = float(rng.uniform(0, 180))
        pick = rng.choice(len(palette), p=[0.28, 0.24, 0.2, 0.16, 0.07, 0.05])
        colour = palette[pick] * rng.uniform(0.8, 1.15)
        for dx in (-width, 0, width):
            for dy in (-height, 0, height):
                if -long < x + dx < width + long and -long < y + dy < height + long:
                    _pebble(floor, (x + dx, y + dy), axes, angle, colour)
    floor *= 1 + 0.09 * grain
    return np.clip(floor, 0, 255)


def _pebble(
    image: Float,
    centre: tuple[float, float],
    axes: tuple[float, float],
    angle: float,
    colour: Float,
) -> None:
    """Paint one pebble: a shadow, a body and a lighter upper side."""
    for shift, size, gain in ((0.16, 1.08, 0.5), (0.0, 1.0, 1.0), (-0.18, 0.62, 1.16)):
        # OpenCV takes a fixed-point centre: 4 fractional bits keep the edges smooth.
        point = [round((c + shift * axes[1]) * 16) for c in centre]
        half = [max(round(a * size * 16), 1) for a in axes]
        shade = tuple(float(v) for v in np.clip(colour * gain, 0, 255))
        cv2.ellipse(image, point, half, angle, 0, 360, shade, -1, cv2.LINE_8, 4)


def koi_skin(rng: np.random.Generator, lead: float) -> Float:
    """Texture of a koi, shape (64, 192, 3): columns run from nose to tail, rows across.

    Args:
        rng: Source of randomness.
        lead: Share of the body in orange, in [0, 1].
    """
    size = (192, 64)
    patches = periodic_noise(rng, size, 1.9, 1.0)
    ink = periodic_noise(rng, size, 1.6, 2.0)
    rows, cols = np.mgrid[:64, :192].astype(np.float32)
    # Scales: two staggered rows of arcs.
    stagger = np.where((rows // 6) % 2 > 0, 4.0, 0.0)
    scales = np.abs(np.sin((cols + stagger) * math.pi / 8)) * np.abs(np.sin(rows * math.pi / 6))
    orange = _smooth(patches, float(np.quantile(patches, 1 - lead)), 0.12)[..., None]
    black = _smooth(ink, float(np.quantile(ink, 0.9)), 0.12)[..., None]
    white = np.array([228, 220, 204], np.float32)
    skin = white * (1 - orange) + np.array([222, 98, 36], np.float32) * orange
    skin = skin * (1 - black) + np.array([44, 40, 42], np.float32) * black
    skin *= (0.86 + 0.2 * scales)[..., None]
    back = np.exp(-(((rows - 31.5) / 3.2) ** 2))[..., None]
    return np.clip(skin * (1 - 0.16 * back), 0, 255).astype(np.float32)


def _smooth(values: Float, edge: float, width: float) -> Float:
    """A soft step from 0 to 1 at an edge."""
    return np.clip((values - edge) / width + 0.5, 0, 1).astype(np.float32)


def _local(
    pose: Pose, reach: float, size_wh: tuple[int, int]
) -> tuple[tuple[slice, slice], Float, Float] | None:
    """Pixels around a pose in its own axes: (slices, forward, sideways), None where off screen."""
    x, y, angle, scale = pose
    half = reach * scale + 2
    x1, x2 = max(math.floor(x - half), 0), min(math.ceil(x + half) + 1, size_wh[0])
    y1, y2 = max(math.floor(y - half), 0), min(math.ceil(y + half) + 1, size_wh[1])
    if x1 >= x2 or y1 >= y2:
        return None
    dx = (np.arange(x1, x2, dtype=np.float32) - np.float32(x))[None] / np.float32(scale)
    dy = (np.arange(y1, y2, dtype=np.float32) - np.float32(y))[:, None] / np.float32(scale)
    cos, sin = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    return (slice(y1, y2), slice(x1, x2)), cos * dx + sin * dy, cos * dy - sin * dx


def _paint(image: Float, where: tuple[slice, slice], distance: Float, colour: Float) -> None:
    """Blend a sprite into the image by its coverage."""
    cover = np.clip(distance + 0.5, 0, 1)[..., None]
    image[where] += cover * (colour - image[where])


@dataclass(frozen=True, eq=False)
class Koi:
    """A fish that swims with a travelling wave; its skin moves with its body.

    Args:
        skin: Texture from :func:`koi_skin`.
        length: From nose to tail, in world pixels.
        beat: Tail beats a frame.
        phase: Phase of the wave at frame 0, radians.
    """

    skin: Float
    length: float
    beat: float
    phase: float

    def draw(self, image: Float, pose: Pose, time: float, bend: float) -> NDArray[np.bool_]:
        """Paint the koi and return its mask, shape (H, W).

        Args:
            image: Painted in place.
            pose: Centre, heading and scale on the screen.
            time: Frame number; drives the swimming.
            bend: Curvature of the body, positive to the right of the heading.
        """
        size_wh = (image.shape[1], image.shape[0])
        mask = np.zeros(image.shape[:2], dtype=bool)
        crop = _local(pose, 0.72 * self.length, size_wh)
        if crop is None:
            return mask
        where, forward, aside = crop
        along = 0.5 - forward / np.float32(self.length)
        stretch = np.clip(along, 0, 1)
        wave = np.sin(2 * math.pi * (0.85 * stretch - self.beat * time) + self.phase)
        spine = self.length * ((0.008 + 0.062 * stretch**2) * wave + bend * (stretch - 0.35) ** 2)
        off = (aside - spine).astype(np.float32)
        widest = 0.15 * self.length
        half = np.interp(stretch, _PROFILE_U, _PROFILE_W).astype(np.float32) * widest
        # The tail ends in a fork: its middle is shorter than its tips.
        fork = 1 - 0.09 * np.clip(1 - np.abs(off) / widest, 0, 1)
        ends = np.minimum(along, fork - along) * np.float32(self.length)
        body = np.minimum(half - np.abs(off), ends)
        fins = self._fins(along, off, widest, time)
        distance = (np.maximum(body, fins) * np.float32(pose[3])).astype(np.float32)
        across = off / np.maximum(np.where(body > fins, half, widest * 1.6), 1e-3)
        colour = cv2.remap(
            self.skin,
            (stretch * 191).astype(np.float32),
            (np.clip(across * 0.5 + 0.5, 0, 1) * 63).astype(np.float32),
            cv2.INTER_LINEAR,
        )
        # A round back: light falls from the upper left whatever the heading.
        angle = pose[2]
        lit = -math.sin(angle) * _LIGHT[0] + math.cos(angle) * _LIGHT[1]
        shade = 1.04 - 0.3 * across**2 + 0.2 * lit * across
        rays = 1 - 0.18 * np.clip((along - 0.8) * 8, 0, 1) * (np.sin(off * (40 / widest)) > 0.3)
        pale = np.where(body > fins, shade * rays, 0.93 + 0.1 * np.sin(40 * along)).astype(
            np.float32
        )
        colour = colour * pale[..., None]
        self._eyes(colour, along, off)
        _paint(image, where, distance, np.clip(colour, 0, 255))
        mask[where] = distance >= 0
        return mask

    def _fins(self, along: Float, off: Float, widest: float, time: float) -> Float:
        """Signed distance of the two pectoral fins, in world pixels."""
        flap = 0.5 + 0.25 * math.sin(2 * math.pi * self.beat * time * 0.7 + self.phase)
        x = (along - 0.34) * self.length - 0.55 * widest
        y = np.abs(off) - 1.0 * widest
        cos, sin = math.cos(flap), math.sin(flap)
        p, q = (cos * x + sin * y) / (0.95 * widest), (cos * y - sin * x) / (0.42 * widest)
        out: Float = ((1 - np.sqrt(p * p + q * q)) * (0.5 * widest)).astype(np.float32)
        return out

    def _eyes(self, colour: Float, along: Float, off: Float) -> None:
        """Darken two spots near the nose."""
        gap = np.hypot((along - 0.085) * self.length, np.abs(off) - 0.055 * self.length)
        colour *= (1 - 0.85 * np.clip(1.5 - gap / (0.012 * self.length), 0, 1))[..., None]

    def shade(self, image: Float, pose: Pose, time: float, bend: float) -> None:
        """Lay the koi's soft shadow on the floor; cheap, so an ellipse along the body."""
        x, y, angle, scale = pose
        drop = 0.09 * self.length * scale
        crop = _local(
            (x + drop, y + drop, angle, scale), 0.7 * self.length, (image.shape[1], image.shape[0])
        )
        if crop is None:
            return
        where, forward, aside = crop
        sway = 0.04 * self.length * math.sin(self.phase - 2 * math.pi * self.beat * time)
        aside = aside - np.float32(sway + bend * 0.1 * self.length)
        gap = (forward / (0.48 * self.length)) ** 2 + (aside / (0.16 * self.length)) ** 2
        image[where] *= (1 - 0.36 * np.clip(1.25 - gap, 0, 1))[..., None]


@dataclass(frozen=True)
class Pad:
    """A lily pad that floats above the koi.

    Args:
        radius: In world pixels.
        turn: Direction of its notch, radians.
        tint: Between 0 (dark green) and 1 (light green).
        flower: Whether a flower sits on it.
    """

    radius: float
    turn: float
    tint: float
    flower: bool = False
    notch: float = 0.32

    def draw(self, image: Float, pose: Pose) -> NDArray[np.bool_]:
        """Paint the pad with its shadow and return its mask, shape (H, W)."""
        size_wh = (image.shape[1], image.shape[0])
        mask = np.zeros(image.shape[:2], dtype=bool)
        x, y, angle, scale = pose
        drop = 0.1 * self.radius * scale
        under = _local((x + drop, y + drop, angle, scale), 1.15 * self.radius, size_wh)
        if under is not None:
            gap = np.hypot(under[1], under[2]) / self.radius
            image[under[0]] *= (1 - 0.42 * np.clip((1.1 - gap) * 5, 0, 1))[..., None]
        crop = _local((x, y, angle + self.turn, scale), 1.05 * self.radius, size_wh)
        if crop is None:
            return mask
        where, right, down = crop
        around, out = np.arctan2(down, right), np.hypot(right, down)
        rim = self.radius * (0.97 + 0.02 * np.cos(5 * around) + 0.01 * np.cos(11 * around))
        wedge = (np.abs(down) - self.notch * np.maximum(right, 0)) * 0.9
        wedge = np.where(right > 0.12 * self.radius, wedge, self.radius)
        distance = (np.minimum(rim - out, wedge) * np.float32(scale)).astype(np.float32)
        rel = out / self.radius
        veins = np.exp(-((np.sin(8.5 * around) * rel * 9) ** 2))
        blotch = np.sin(3 * around + 4 * rel) * np.sin(7 * rel + 2 * self.turn)
        green = np.array([52, 98, 46], np.float32) * (1 - self.tint)
        green = green + np.array([104, 146, 62], np.float32) * self.tint
        light = (
            0.84 + 0.26 * rel + 0.07 * blotch + 0.16 * veins - 0.35 * np.clip(rel - 0.9, 0, 1) * 4
        )
        colour = green * light[..., None].astype(np.float32)
        if self.flower:
            petal = 0.34 + 0.09 * np.cos(8 * around)
            bloom = np.clip((petal - rel) * 16, 0, 1)[..., None]
            heart = np.clip((0.12 - rel) * 16, 0, 1)[..., None]
            tone = np.array([236, 176, 196], np.float32) * (0.8 + 0.5 * rel[..., None])
            colour = colour + bloom * (tone - colour)
            colour = colour + heart * (np.array([240, 204, 84], np.float32) - colour)
        _paint(image, where, distance, np.clip(colour, 0, 255).astype(np.float32))
        mask[where] = distance >= 0
        return mask
