"""The two networks of SFTrack++ as graphs, each as a whole."""

from __future__ import annotations

from torch import Tensor

from spectrack.runtimes.graph import Given, Graph
from spectrack.trackers.sftrack.feat2seg import FOLD, INPUTS, Feat2Seg
from spectrack.trackers.sftrack.seg2box import SIDE, Seg2Box


def feat2seg_graphs(network: Feat2Seg) -> tuple[Graph, ...]:
    """``feat2seg``: five maps of crops to logits; sides are multiples of what it halves by."""
    step = FOLD * network.unet.scale
    maps = Given(("n", INPUTS, f"{step}h", f"{step}w"))
    return (Graph("feat2seg", Feat2Seg.forward, {"maps": maps}, ("logits",)),)


def seg2box_graphs(network: Seg2Box) -> tuple[Graph, ...]:
    """``seg2box``: a soft mask and a consensus map to edges, their logits, and a confidence."""
    del network  # all take the same maps

    def read(network: Seg2Box, maps_nchw: Tensor) -> tuple[Tensor, ...]:
        return tuple(network(maps_nchw))

    maps = Given(("n", 2, SIDE, SIDE))
    return (Graph("seg2box", read, {"maps": maps}, ("boxes", "logits", "confidence")),)
