"""VOT's two ways of running a tracker over a sequence; the raw answers are kept as VOT has them.

*Supervised* (VOT2013 to 2019): where the overlap falls to zero the tracker has failed; it is given
the target again five frames later. ``SEQ_001.txt`` has a line a frame: 1 where the target was
given, 2 where the tracker failed, 0 where it was not asked, else its region.

*Multi-start* (VOT2020 to 2022): it is started at anchors and runs forward or backward to the end
of the video that is farther away. ``SEQ_00000050.txt`` has the lines of the run from frame 50 (from
0 on), in its order, the first of them 1.

Trackers that answer anew each time would have to run several times; they run once here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.answers import ANSWERS, Answer
from spectrack.evaluation.region_overlap import region_overlap, truth_region
from spectrack.metrics.anchors import Anchor, place_anchors
from spectrack.metrics.restarts import SKIPPED
from spectrack.storage import Progress
from spectrack.structures import Prediction
from spectrack.tracking.base import Tracker
from spectrack.video.vot_regions import FAILED, STARTED, UNKNOWN, box_line, mask_line, parse_region

if TYPE_CHECKING:
    from spectrack.video.reader import Frames

RESTARTED_FILE = "{name}_001.txt"
ANCHORED_FILE = "{name}_{frame:08d}.txt"
ANCHORS = "anchor"
"""Name of the numbers that tell where runs begin: 1 forward, -1 backward, 0 none."""


@dataclass(frozen=True, slots=True, eq=False)
class VotRun:
    """A tracker at work on a sequence in the way of VOT.

    Args:
        tracker: Started as often as it takes.
        sequence: Of one object.
        from_mask: Give it the true mask where it starts, not only the box.
        progress: Called with the number of frames done and in all, where that is known.
    """

    tracker: Tracker
    sequence: VideoSequence
    from_mask: bool = False
    progress: Progress | None = None

    def supervised(self) -> Answer:
        """Run with restarts behind failures.

        Raises:
            InputError: If no frame has truth, or the sequence has several objects.
        """
        total, begun = self._frames(), time.perf_counter()
        lines: list[str] = []
        start = self._shown(range(total))
        if start is None:
            raise self._nothing()
        with self.sequence.frames() as frames:
            for index in range(total):
                if start is None or index < start:
                    lines.append(str(UNKNOWN))
                elif index == start:
                    self._start(frames, index)
                    lines.append(str(STARTED))
                else:
                    line = self._line(self.tracker.update(frames[index]))
                    truth = truth_region(self.sequence, index)
                    if region_overlap(parse_region(line), truth, frames.size_wh) <= 0:
                        start = self._shown(range(index + SKIPPED, total))
                        line = str(FAILED)
                    lines.append(line)
                if self.progress is not None:
                    self.progress(index + 1, total)
        name = RESTARTED_FILE.format(name=self.sequence.name)
        return self._answer("supervised", {name: lines}, [], begun)

    def multi_start(self) -> Answer:
        """Run from every anchor, never started again.

        Raises:
            InputError: See :meth:`supervised`.
        """
        total, begun = self._frames(), time.perf_counter()
        anchors = self._anchors(total)
        if not anchors:
            raise self._nothing()
        work = sum(len(anchor.frames(total)) for anchor in anchors)
        files: dict[str, list[str]] = {}
        done = 0
        with self.sequence.frames() as frames:
            for anchor in anchors:
                lines = [str(STARTED)]
                for index in anchor.frames(total):
                    if index == anchor.frame:
                        self._start(frames, index)
                    else:
                        lines.append(self._line(self.tracker.update(frames[index])))
                    done += 1
                    if self.progress is not None:
                        self.progress(done, work)
                files[ANCHORED_FILE.format(name=self.sequence.name, frame=anchor.frame)] = lines
        runs = [{"frame": anchor.frame, "backward": anchor.backward} for anchor in anchors]
        return self._answer("multi-start", files, runs, begun)

    def _anchors(self, total: int) -> list[Anchor]:
        """Those that the challenge names, of which some were moved by hand, or the usual ones."""
        ways = self.sequence.frame_values.get(ANCHORS)
        if ways is None or not ways.any():
            return place_anchors(total, visible=self._visible)
        named = [Anchor(int(frame), bool(ways[frame] < 0)) for frame in np.flatnonzero(ways)]
        return [anchor for anchor in named if self._visible(anchor.frame)]

    def _frames(self) -> int:
        if len(self.sequence.object_ids) > 1:
            raise InputError(
                f"sequence {self.sequence.name!r} has {len(self.sequence.object_ids)} objects; "
                "restarts and anchors are for one, use the mode unsupervised"
            )
        if self.tracker.counts_frames:
            raise InputError(
                f"{type(self.tracker).__name__} answers by the number of the frame and cannot be "
                "started again in a later one; use the mode unsupervised"
            )
        return len(self.sequence)

    def _shown(self, frames: range) -> int | None:
        """The first frame that shows the object."""
        return next(filter(self._visible, frames), None)

    def _visible(self, index: int) -> bool:
        return truth_region(self.sequence, index) is not None

    def _nothing(self) -> InputError:
        return InputError(
            f"sequence {self.sequence.name!r} has no frame with truth; give one with an object"
        )

    def _start(self, frames: Frames, index: int) -> None:
        target = self.sequence.target(self.from_mask, frame=index)
        self.tracker.init(frames[index], target)

    def _line(self, found: Prediction) -> str:
        """The answer as a line: a mask where truth is masks and the tracker has one, else a box."""
        if self.sequence.read_mask is not None and found.mask is not None:
            hard = found.hard_mask() if found.found else None
            return box_line(None) if hard is None else mask_line(hard)
        return box_line(found.box if found.found else None)

    def _answer(
        self, mode: str, files: dict[str, list[str]], runs: Sequence[Any], begun: float
    ) -> Answer:
        seconds = time.perf_counter() - begun
        contents = {
            name: "".join(f"{line}\n" for line in lines).encode() for name, lines in files.items()
        }
        told = {"mode": mode, "frames": len(self.sequence), "seconds": round(seconds, 3)}
        told |= {"files": list(files), "anchors": list(runs)}
        contents[ANSWERS] = (json.dumps(told, indent=1) + "\n").encode()
        return Answer(contents, len(self.sequence), seconds)


WAYS: dict[str, Callable[[VotRun], Answer]] = {
    "supervised": VotRun.supervised,
    "multi-start": VotRun.multi_start,
}
"""The two ways, by the name of the mode."""
