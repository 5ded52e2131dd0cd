"""DiMP and its successors online (Bhat et al., ICCV 2019, section 4; Danelljan et al., CVPR 2020).

One pass of the backbone a frame; a filter that is learned on the spot says where the target is;
IoU-Net, which took in the first frame once, makes the box fit; the filter learns on.
"""

from __future__ import annotations

from spectrack.trackers.dimp.network import DiMP
from spectrack.trackers.dimp.settings import DiMPSettings
from spectrack.tracking.devices import pick_device
from spectrack.tracking.online_filter import OnlineFilter
from spectrack.tracking.online_frame import OnlineTracker, prepared
from spectrack.tracking.overlap_refiner import OverlapRefiner
from spectrack.weights.networks import given_or_loaded


class DiMPTracker(OnlineTracker):
    """Follows a target's box by DiMP, PrDiMP or SuperDiMP; see the module's text.

    The score is the highest value of the score map, held into 0 to 1. DiMP and SuperDiMP learn a
    map that is about 1 at the target, so there it tells how much the place looks like what was
    learned; PrDiMP's is the softmax of the map, the probability of one cell, and a target that is
    seen well spreads over several: 0.1 is a good one. Neither is a probability that the target is
    there. Below the threshold ``absent`` the target is not found, and the last box is given.

    Args:
        settings: See :class:`DiMPSettings`.
        network: To be used instead of the weights that the settings name.

    Raises:
        InputError: If weights or device cannot be used.
    """

    Settings = DiMPSettings

    def __init__(self, settings: DiMPSettings | None = None, network: DiMP | None = None) -> None:
        s = settings or DiMPSettings()
        device = pick_device(s.device)
        loaded = given_or_loaded(network, s.named_weights, DiMP)
        s = s.complete(loaded.shown)
        copy = prepared(loaded.network, "feature_extractor", device, s.half)
        super().__init__(
            s,
            s.frame(copy.classifier.filter_size),
            copy.feature_extractor,
            OnlineFilter(copy.classifier, s.filter, s.variations),
            OverlapRefiner(copy.bb_regressor, s.refinement) if s.refine else None,
        )
