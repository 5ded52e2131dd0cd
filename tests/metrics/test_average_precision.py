"""AP of tubes against pycocotools' own evaluation: a tube is a mask in a tall picture."""

from __future__ import annotations

import contextlib
import io
import math
from itertools import cycle

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from spectrack.errors import InputError
from spectrack.metrics.average_precision import SIZES, Tube, average_precision, tube_iou
from spectrack.structures import Mask

FRAMES, HEIGHT, WIDTH = 3, 300, 310


def moving(rng, size):
    """A block that wanders, and is not there in some frames."""
    masks = np.zeros((FRAMES, HEIGHT, WIDTH), bool)
    y, x = rng.integers(0, HEIGHT - size), rng.integers(0, WIDTH - size)
    for t in range(FRAMES):
        if t == 0 or rng.random() < 0.8:
            masks[t, y : y + size, x : x + size] = True
    return masks


def blurred(rng, masks):
    """A result for it: shifted, or cut off."""
    out = np.roll(masks, rng.integers(-6, 7, 2), axis=(1, 2))
    return out if rng.random() < 0.7 else out & moving(rng, 290)


@pytest.fixture(scope="module")
def videos():
    """True and found masks of five videos: (category, score, masks)."""
    rng = np.random.default_rng(5)
    out, sizes = {}, cycle((60, 150, 280))
    for number in range(5):
        truth, found = [], []
        for _ in range(rng.integers(1, 5)):
            category = str(rng.choice(["cat", "dog"]))
            masks = moving(rng, next(sizes))
            truth.append((category, 1.0, masks))
            for _ in range(rng.integers(0, 3)):
                score = round(float(rng.random()), 1)  # ties occur
                found.append((category, score, blurred(rng, masks)))
        found.append(("cat", 0.5, moving(rng, 100)))  # a wrong one
        out[f"video{number}"] = truth, found
    return out


def tubes(rows):
    return [Tube(c, [Mask.encode(m) if m.any() else None for m in ms], s) for c, s, ms in rows]


def mean_area(masks):
    return float(masks.sum((1, 2))[masks.any((1, 2))].mean()) if masks.any() else 0.0


def official(videos):
    """COCO's evaluation of tall pictures; areas are those of a frame."""
    names, kinds = list(videos), ["cat", "dog"]

    def entries(which):
        for image, name in enumerate(names):
            for category, score, masks in videos[name][which]:
                tall = Mask.encode(masks.reshape(-1, WIDTH))
                yield {
                    "image_id": image,
                    "category_id": kinds.index(category) + 1,
                    "segmentation": {"size": [tall.height, tall.width], "counts": tall.counts},
                    "score": score,
                    "area": mean_area(masks),
                    "iscrowd": 0,
                }

    truth = COCO()
    with contextlib.redirect_stdout(io.StringIO()):
        truth.dataset = {
            "images": [
                {"id": i, "height": FRAMES * HEIGHT, "width": WIDTH} for i in range(len(names))
            ],
            "categories": [{"id": 1}, {"id": 2}],
            "annotations": [{"id": n, **e} for n, e in enumerate(entries(0), 1)],
        }
        truth.createIndex()
        given = list(entries(1))
        result = truth.loadRes([dict(e) for e in given])
        for number, entry in enumerate(given, 1):
            result.anns[number]["area"] = entry["area"]
        judge = COCOeval(truth, result, "segm")
        judge.params.areaRng = [[low, min(high, 1e10)] for low, high in SIZES.values()]
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    s = judge.stats
    names = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar1", "ar10")
    return dict(zip(names, s[:8], strict=True))


def test_equals_coco(videos):
    found = average_precision(
        {name: tubes(rows) for name, (_, rows) in videos.items()},
        {name: tubes(rows) for name, (rows, _) in videos.items()},
    )
    expected = official(videos)
    assert 0.1 < expected["ap"] < 0.9
    assert found == pytest.approx(expected, abs=1e-9)


def test_overlap_in_space_and_time(rng):
    one, other = rng.random((2, 4, 9, 8)) < 0.4
    packed = [[Mask.encode(m) for m in masks] for masks in (one, other)]
    assert tube_iou(*packed) == pytest.approx((one & other).sum() / (one | other).sum())
    packed[0][2], packed[1] = None, packed[1][:3]
    one[2], other[3] = False, False
    assert tube_iou(*packed) == pytest.approx((one & other).sum() / (one | other).sum())
    assert tube_iou([None], []) == 0
    with pytest.raises(InputError, match="one size"):
        tube_iou([Mask.empty((4, 4))], [Mask.empty((5, 4))])


def test_without_results_or_truth():
    one = Tube("cat", [Mask.encode(np.ones((4, 4), bool))])
    nothing = average_precision({}, {"video": [one]})
    assert (nothing["ap"], nothing["ar1"]) == (0, 0)
    assert math.isnan(nothing["ap_large"])
    perfect = average_precision({"video": [one]}, {"video": [one], "empty": []})
    assert (perfect["ap"], perfect["ap_small"], perfect["ar10"]) == (1, 1, 1)
    assert math.isnan(average_precision({"video": [one]}, {"video": []})["ap"])
    with pytest.raises(InputError, match="video 'other' has no truth"):
        average_precision({"other": [one]}, {"video": [one]})
