"""KYS online (Bhat et al., ECCV 2020): the family's frame, with a classifier that knows around."""

from __future__ import annotations

from spectrack.trackers.kys.network import KYS
from spectrack.trackers.kys.online import KYSClassifier
from spectrack.trackers.kys.settings import KYSSettings
from spectrack.tracking.devices import pick_device
from spectrack.tracking.online_frame import FrameSettings, OnlineTracker, prepared
from spectrack.tracking.overlap_refiner import OverlapRefiner
from spectrack.tracking.variations import DIMP_VARIATIONS
from spectrack.weights.networks import given_or_loaded


class KYSTracker(OnlineTracker):
    """Follows a target by KYS; see the module's text.

    Its score is the predictor's under the window, 0 to 1: not how well the box fits.

    Args:
        settings: See :class:`KYSSettings`.
        network: To be used instead of the weights that the settings name.

    Raises:
        InputError: If weights or device cannot be used.
    """

    Settings = KYSSettings

    def __init__(self, settings: KYSSettings | None = None, network: KYS | None = None) -> None:
        s = settings or KYSSettings()
        device = pick_device(s.device)
        loaded = given_or_loaded(network, s.weights, KYS)
        s = s.complete(loaded.shown)
        side, search, _ = s.frame
        frame = FrameSettings(
            side=side,
            search=search,
            kernel=loaded.network.dimp_classifier.filter_size,
            variations=DIMP_VARIATIONS,
            seed=s.seed,
        )
        ready = prepared(loaded.network, "backbone_feature_extractor", device, s.half)
        super().__init__(
            s,
            frame,
            ready.backbone_feature_extractor,
            KYSClassifier(ready, s),
            OverlapRefiner(ready.bb_regressor, s.refinement),
        )
