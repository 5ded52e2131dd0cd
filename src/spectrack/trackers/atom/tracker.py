"""ATOM: a classifier learned online says where the target is, IoU-Net how large it is.

How a frame goes is told in ``tracking/online_frame.py``, the classifier in ``classifier.py``, and
how boxes are found in ``tracking/box_refinement.py``. Danelljan et al., CVPR 2019.
"""

from __future__ import annotations

from spectrack.trackers.atom.classifier import ATOMClassifier
from spectrack.trackers.atom.network import ATOM
from spectrack.trackers.atom.settings import FIRST, KERNEL, ATOMSettings
from spectrack.tracking.devices import pick_device
from spectrack.tracking.online_frame import FrameSettings, OnlineTracker, prepared
from spectrack.tracking.overlap_refiner import OverlapRefiner
from spectrack.weights.networks import given_or_loaded


class ATOMTracker(OnlineTracker):
    """Follows a target by ATOM; see the module's text.

    Its score is the peak of the classifier's map, cut to [0, 1]: how near the place looks to what
    was learned with label 1, which is no probability, and nothing of how well the box fits.

    Args:
        settings: See :class:`ATOMSettings`.
        network: To be used instead of the weights that the settings name.

    Raises:
        InputError: If weights or device cannot be used.
    """

    Settings = ATOMSettings

    def __init__(self, settings: ATOMSettings | None = None, network: ATOM | None = None) -> None:
        s = settings or ATOMSettings()
        device = pick_device(s.device)
        loaded = given_or_loaded(network, s.weights, ATOM)
        s = s.complete(loaded.shown)
        assert s.side is not None
        assert s.search is not None
        frame = FrameSettings(
            s.side, s.search, kernel=KERNEL, variations=FIRST, rounded=True, seed=s.seed
        )
        ready = prepared(loaded.network, "feature_extractor", device, s.half)
        super().__init__(
            s,
            frame,
            ready.feature_extractor,
            ATOMClassifier(s),
            OverlapRefiner(ready.bb_regressor, s.refinement),
        )
