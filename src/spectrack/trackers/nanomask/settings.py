"""Every choice of the tracker of masks in boxes, named."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spectrack.errors import InputError
from spectrack.runtimes.names import Runtime, check_device


@dataclass(frozen=True, slots=True)
class NanoMaskSettings:
    """How masks are made in the boxes of another tracker.

    Args:
        boxes: The tracker of boxes, by name, with settings after a colon
            (``fear:weights=FILE;smooth=yes``).
        weights: Of the network of masks, a name or a file; the shipped ones where empty.
        memory: Frames that are remembered besides the first.
        every: Frames between two of them.
        rate: Share of every new frame in the recent colours.
        mirror: Look at every crop mirrored, too: a little better, nearly twice the time.
        steady: Let the box tracker go on from the mask's box, if it can go on from a mask.
        sure: Frames whose mask promises a J below this are not remembered.
        runtime: What runs the networks: ``torch``, or ``onnx``, ONNX Runtime on the CPU (needs the
            extra ``onnx``).
    """

    boxes: str = "nanotrack"
    weights: str = ""
    memory: int = 4
    every: int = 5
    rate: float = 0.1
    mirror: bool = False
    steady: bool = False
    sure: float = 0.75
    runtime: Runtime = "torch"

    def __post_init__(self) -> None:
        check_device("auto", self.runtime)
        if self.memory < 0 or self.every < 1:
            raise InputError(
                f"memory is {self.memory} and every is {self.every}; give 0 and 1 or more"
            )
        for name in ("rate", "sure"):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value <= 1):
                raise InputError(f"{name} is {value}; give a number from 0 to 1")
