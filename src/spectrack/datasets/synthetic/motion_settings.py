"""What synthetic clips look like."""

from __future__ import annotations

from dataclasses import dataclass

from spectrack.datasets.synthetic.lens import Lens
from spectrack.datasets.synthetic.wander import Wander
from spectrack.errors import InputError

CAMERA = Wander(shift=0.015, zoom=0.01, turn=0.01, shear=0.003)
TARGET = Wander(shift=0.07, zoom=0.03, turn=0.05, shear=0.03)
BYSTANDERS = Wander(shift=0.07, zoom=0.02, turn=0.04)
LENS = Lens()


@dataclass(frozen=True)
class MotionSettings:
    """Ranges of synthetic motion. Chances and shares are 0..1; zeros turn things off.

    Args:
        size_wh: Size of the frames, in pixels; None for the still's own, its longer side at most
            ``longest``.
        longest: See ``size_wh``.
        sides: Least and largest longer side of the target's box in the first frame, as a share of
            the frame's shorter side; the square root is drawn evenly. None leaves the view of the
            still as it is.
        mirror: Chance that the still is mirrored.
        tilt: Standard deviation of the target's own rotation in the first frame, radians.
        camera: Motion of the view.
        target: Motion of the target in the view.
        bystanders: Motion of everything else in the view.
        bend: Displacement of the target's shape, as a share of its side (standard deviation).
        feather: Half the width of the edge of a cut-out, in pixels of the still.
        backdrop: Chance that the background is another still, with its object.
        distractors: Largest number of other objects.
        lookalike: Chance that a distractor is the target itself, mirrored or of another colour.
        occluder: Chance that something is in front of the target.
        least_visible: Share of the target in view that nothing may cover in the first frame.
        shutter: Chance of motion blur.
        lens: Blur, light, noise and compression of the camera.
    """

    size_wh: tuple[int, int] | None = (240, 240)
    longest: int = 480
    sides: tuple[float, float] | None = (0.05, 0.8)
    mirror: float = 0.5
    tilt: float = 0.1
    camera: Wander = CAMERA
    target: Wander = TARGET
    bystanders: Wander = BYSTANDERS
    bend: float = 0.02
    feather: int = 1
    backdrop: float = 0.35
    distractors: int = 2
    lookalike: float = 0.3
    occluder: float = 0.3
    least_visible: float = 0.35
    shutter: float = 0.3
    lens: Lens = LENS

    def __post_init__(self) -> None:
        if min(self.size_wh or (self.longest,)) < 16:
            raise InputError(
                f"frames of {self.size_wh or self.longest} pixels were asked for; "
                "give sides of 16 or more"
            )
        if self.sides is not None and not 0 < self.sides[0] <= self.sides[1] <= 2:
            raise InputError(f"sides is {self.sides}; give two rising shares above 0, at most 2")


NO_MOTION = MotionSettings(
    size_wh=None,
    sides=None,
    mirror=0,
    tilt=0,
    camera=Wander(),
    target=Wander(),
    bystanders=Wander(),
    bend=0,
    feather=0,
    backdrop=0,
    distractors=0,
    occluder=0,
    shutter=0,
    lens=Lens(blur=0, light=0, flicker=0, noise=0, compression=0),
)
