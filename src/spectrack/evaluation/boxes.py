"""Score the boxes of a result against the truth of a sequence by a box-tracking protocol."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.results import Result
from spectrack.metrics.protocols import PROTOCOLS, Protocol
from spectrack.metrics.success import BoxScore, score_boxes
from spectrack.structures import Box


def find_protocol(name: str) -> Protocol:
    """A protocol by its name.

    Raises:
        InputError: If there is none; the message names those that are.
    """
    if name not in PROTOCOLS:
        raise InputError(f"protocol {name!r} is unknown; choose one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def score_result_boxes(result: Result, sequence: VideoSequence, protocol: Protocol) -> BoxScore:
    """Score the boxes of one sequence: those given, or the tight boxes of the masks.

    Truth is the sequence's boxes, or the tight boxes of its masks. A frame that the result does not
    answer counts as missed.

    Args:
        result: The answers.
        sequence: The truth; frames are opened only by bounded protocols, which need their size.
        protocol: How to score.

    Raises:
        InputError: If nothing of the sequence can be scored, as where its truth is hidden.
    """
    start, total = sequence.first_start, len(sequence)
    size_wh = None
    if protocol.bounded:
        with sequence.frames() as frames:
            size_wh = frames.size_wh
    # Frames of unknown truth count for no protocol; the last one, where it does not count, stays
    # so that it is the one that is dropped.
    dropped = None if protocol.last else total - 1
    kept = [i for i in range(start, total) if i == dropped or i not in sequence.ignored]
    # Masks of frames that do not count need not be read.
    counted = set(kept) - {dropped} - ({start} if protocol.first == "left out" else set())
    if sequence.ignored and counted <= {start}:
        raise InputError(
            f"the truth of sequence {sequence.name!r} is known for no frame but the first; choose "
            "a part of the data set with truth, or send results to its server (spectrack submit)"
        )
    # The first answer never counts: it is left out, or the truth stands in its place.
    boxes = _rows(result.box(i) if i in counted and i > start else None for i in kept)
    truth = _rows(sequence.truth_box(i) if i in counted else None for i in kept)
    polygons = None
    if protocol.polygons and sequence.read_polygon is not None:
        polygons = [sequence.read_polygon(i) for i in kept]
    try:
        return score_boxes(boxes, truth, protocol, size_wh, polygons)
    except InputError as error:
        raise InputError(
            f"sequence {sequence.name!r} of {result.source} cannot be scored: {error}"
        ) from error


def _rows(boxes: Iterable[Box | None]) -> NDArray[np.float64]:
    """Boxes as rows x, y, w, h; NaN for none."""
    rows = [(np.nan,) * 4 if box is None else tuple(box) for box in boxes]
    return np.array(rows, dtype=np.float64).reshape(-1, 4)
