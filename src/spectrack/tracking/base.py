"""The two verbs of every tracker, their guards, and what else a tracker may offer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from spectrack.errors import InputError
from spectrack.structures import Box, FrameHWC, Prediction, SoftHW, Target

if TYPE_CHECKING:
    from spectrack.flow.estimators import FlowPair
    from spectrack.tracking.explanation import Explanation


@dataclass(frozen=True, slots=True)
class NoSettings:
    """Nothing to set."""


class Tracker(ABC):
    """Follows one target through frames; holds bounded memory whatever the length of the video.

    A tracker implements :meth:`_init` and :meth:`_update`; frames and target are checked here. What
    else it offers it declares by overriding the members below; nothing is found by looking.

    Args:
        settings: Of the class that ``Settings`` names; its defaults where left out.
    """

    Settings: ClassVar[type[Any]] = NoSettings
    """The frozen dataclass of the settings; fields are what ``--set`` and ``make_tracker`` take."""

    reads_boxes: bool = False
    """Whether its boxes are more than the edges of its masks, and stay when masks are cleaned."""

    box_of_mask: Callable[[SoftHW], Box | None] | None = None
    """Its rule from a soft mask to a box, where it has one that also holds for cleaned masks."""

    gives: Literal["masks", "boxes"] | None = None
    """What it answers with, where its row of the table cannot say: it depends on what it reads."""

    carries_masks: ClassVar[bool] = False
    """Whether it goes on from a corrected mask without starting again; see :meth:`correct`."""

    counts_frames: bool = False
    """Whether its answers go by the number of the frame, so that it cannot start in a later one."""

    explains: ClassVar[bool] = False
    """Whether :attr:`explanation` tells how its answers came about."""

    side_by_side: bool = False
    """Whether several of its kind may be asked at the same time, each from a thread: they share
    nothing that changes, and draw no random numbers of a common generator."""

    keeps_first: ClassVar[bool] = False
    """Whether :meth:`restart` keeps what was learned of the frame in which the target was given."""

    explanation: Explanation | None = None
    """How the last answer came about, where ``explains``."""

    def __init__(self, settings: Any = None) -> None:
        self.settings = self.Settings() if settings is None else settings
        self._size_wh: tuple[int, int] | None = None

    def init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        """Start on a frame.

        Args:
            frame_hwc: uint8 RGB of shape (H, W, 3).
            target: What to follow; its box or mask lies in this frame.

        Returns:
            The answer for this first frame: the mask and box given, or found in the box given.

        Raises:
            InputError: If frame or target cannot be used; the tracker has to be started again then.
        """
        return self._checked(self._init, frame_hwc, target)

    def restart(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        """Go on from a later frame and what was answered there, when :meth:`init` was called.

        For whoever has the answers of an earlier run and the tracker no more. What was given in the
        first frame is surer than an answer, so one that learns from it (``keeps_first``) does not
        forget that; others start as by :meth:`init`.

        Args:
            frame_hwc: uint8 RGB of shape (H, W, 3), of the first frame's size.
            target: The answer there.

        Returns:
            As :meth:`init`.

        Raises:
            InputError: As :meth:`update`, or as :meth:`init`.
        """
        check_frame(frame_hwc, self.size_wh)
        return self._checked(self._restart, frame_hwc, target)

    def _checked(
        self,
        verb: Callable[[FrameHWC, Target], Prediction],
        frame_hwc: FrameHWC,
        target: Target,
    ) -> Prediction:
        self._size_wh = None
        size_wh = check_frame(frame_hwc)
        target.check(size_wh)
        self._size_wh = size_wh
        try:
            return verb(frame_hwc, target)
        except BaseException:
            self._size_wh = None
            raise

    def update(self, frame_hwc: FrameHWC) -> Prediction:
        """Answer for the next frame.

        Args:
            frame_hwc: uint8 RGB of shape (H, W, 3), of the first frame's size.

        Raises:
            InputError: If the frame is of another size or :meth:`init` was not called.
        """
        check_frame(frame_hwc, self.size_wh)
        return self._update(frame_hwc)

    def correct(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> None:
        """Go on from another mask of the frame just answered for, as if it had been the answer.

        Args:
            frame_hwc: That frame.
            soft_hw: float32 (H, W) in [0, 1]; without a pixel of at least 0.5 nothing changes.

        Raises:
            InputError: If the frame is of another size, :meth:`init` was not called, or the tracker
                carries no masks.
        """
        check_frame(frame_hwc, self.size_wh)
        if not self.carries_masks:
            raise InputError(
                f"{type(self).__name__} cannot go on from a corrected mask; start it again by init"
            )
        self._correct(frame_hwc, soft_hw)

    def prepare(self, frame_hwc: FrameHWC) -> None:
        """Do ahead what :meth:`update` of the same frame begins with, on all processors.

        For whoever asks several trackers at the same time, each on one processor then. It may be
        left out: the answer is the same.

        Args:
            frame_hwc: The very array that :meth:`update` is given next.

        Raises:
            InputError: As :meth:`update`.
        """
        check_frame(frame_hwc, self.size_wh)

    def flow_pair(self) -> FlowPair | None:
        """Optical flow between the last two frames that it found anyway, for whoever needs it.

        Returns:
            Both directions, of the frame's size and in its pixels; None where it found none.
        """
        return None

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the frames.

        Raises:
            InputError: Before :meth:`init`.
        """
        if self._size_wh is None:
            raise InputError("the tracker was asked for a frame before init; call init first")
        return self._size_wh

    @abstractmethod
    def _init(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        """See :meth:`init`; frame and target are checked."""

    def _restart(self, frame_hwc: FrameHWC, target: Target) -> Prediction:
        """See :meth:`restart`; frame and target are checked."""
        return self._init(frame_hwc, target)

    @abstractmethod
    def _update(self, frame_hwc: FrameHWC) -> Prediction:
        """See :meth:`update`; the frame is checked."""

    def _correct(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> None:
        """See :meth:`correct`; called only where ``carries_masks``."""
        raise AssertionError(f"{type(self).__name__} carries masks and has to say how")


def check_frame(frame_hwc: FrameHWC, size_wh: tuple[int, int] | None = None) -> tuple[int, int]:
    """Make sure a frame is uint8 RGB and of the size expected.

    Returns:
        Its width and height.

    Raises:
        InputError: If it is not.
    """
    if frame_hwc.ndim != 3 or frame_hwc.shape[2] != 3 or frame_hwc.dtype.name != "uint8":
        raise InputError(
            f"a {frame_hwc.dtype} frame of shape {frame_hwc.shape} was given; "
            "expected uint8 RGB of shape (height, width, 3)"
        )
    width, height = frame_hwc.shape[1], frame_hwc.shape[0]
    if width == 0 or height == 0:
        raise InputError(f"a frame of {width}x{height} was given; give frames with pixels")
    if size_wh is not None and (width, height) != size_wh:
        raise InputError(
            f"a frame of {width}x{height} follows frames of {size_wh[0]}x{size_wh[1]}; "
            "give frames of one size"
        )
    return width, height
