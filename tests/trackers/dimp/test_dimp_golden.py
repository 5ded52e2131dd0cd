"""DiMP-18, SuperDiMP and PrDiMP-18 whole, against the reference's runs frame by frame."""

from dataclasses import replace

import numpy as np
import pytest

from spectrack.structures import Target
from spectrack.trackers.dimp.network import published_dimp
from spectrack.trackers.dimp.settings import DiMPSettings
from spectrack.trackers.dimp.tracker import DiMPTracker
from spectrack.tracking.localisation import Flag
from thin_trackers import one_thread  # noqa: F401 (a fixture)

FILE, BOX = "other_trackers", (230, 120, 60, 50)
STILL = {"dropouts": 0, "wander": 0.0, "proposals": 0, "best": 1, "device": "cpu"}
RUNS = {
    "dimp18": ((18,), {"absent": -1e9, "distractor": 1e9, "hard_negative": 1e9}, "exp"),
    "super_dimp": ((50,), {"absent": -1e9, "distractor": 1e9, "hard_negative": 0.0}, "exp"),
    "prdimp18": ((18, "prdimp"), {"absent": 0.0, "distractor": 1e9, "hard_negative": 1e9}, None),
}
ILL_CONDITIONED = {"super_dimp.f3.filter_norm": 5e-2}
"""As the specification says: tiny changes of the filter move it by far."""


@pytest.mark.parametrize("name", RUNS)
def test_every_frame_is_the_reference(golden, name):
    made, thresholds, scores = RUNS[name]
    frames = [golden.scheme.img(f"trk.im{i}", 300, 520) for i in range(4)]
    variant = name.replace("_", "")
    tracker = DiMPTracker(
        DiMPSettings(variant=variant, **STILL, **thresholds), golden.fill(published_dimp(*made))
    )
    online, refiner = tracker._classifier, tracker._refiner
    if scores is not None:
        online._settings = replace(online._settings, scores=scores)
    tracker.init(frames[0], Target(BOX))
    features, modulation = online.memory["features"], refiner.modulation
    first = {
        "filter": online.filters,
        "boxes": online.memory["boxes"],
        "feat_mean_per_sample": features.abs().mean((1, 2, 3)),
        "feat_sub": features,
        "modulation": np.concatenate([modulation.fine_nc, modulation.coarse_nc]),
    }
    compared = {f"init.{key}": value for key, value in first.items()}
    sightings = []
    locate = online.locate

    def noted(layers, views):
        sightings.append((locate(layers, views), views[0]))
        return sightings[-1][0]

    online.locate = noted
    for number in (1, 2, 3):
        ((patch, _),) = tracker.patches()
        answer = tracker.update(frames[number])
        top, left, bottom, right = patch.coord_yxyx
        state, memory = tracker.state, online.memory
        weights = np.zeros(50, np.float32)
        weights[: memory.stored] = memory.weights.values_n
        ours = {
            "bbox": np.array(list(answer.box)),
            "pos": state.pos_yx,
            "target_sz": state.size_hw,
            "target_scale": state.scale,
            "max_score": sightings[-1][0].score,
            "filter_norm": float(online.filters.norm()),
            "search_area": np.array([left, top, right - left - 1, bottom - top - 1]),
            "weights": weights,
            "new_box": memory["boxes"][-1],
        }
        compared |= {f"f{number}.{key}": value for key, value in ours.items()}
    for key, value in compared.items():
        full = f"{name}.{key}"
        golden.compare(FILE, full, value, ILL_CONDITIONED.get(full, 1e-4))
    stored = {key for key in golden.keys(FILE) if key.startswith(f"{name}.")}
    assert stored == {f"{name}.{key}" for key in [*compared, "flags"]}
    flags = [Flag(flag) for flag in golden.manifest[FILE][f"{name}.flags"]]
    assert [sighting.flag for sighting, _ in sightings] == flags
