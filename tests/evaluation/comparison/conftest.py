"""Scores of three made-up runs over four sequences, as ``scores.json`` has them."""

from __future__ import annotations

import json

import numpy as np
import pytest

SEQUENCES = ("koi", "carp", "<b>pike</b>", "eel")
AT = [0.0, 0.5, 1.0]


def scores(name, auc, ao=None, **more):
    """The dictionary of one run: a value a sequence."""
    ao = auc if ao is None else ao
    sequences = {
        s: {"box_iou": {"mean": a, "recall": 1.0}, "boxes": {"auc": a, "ao": o, "frames": 9}}
        for s, a, o in zip(SEQUENCES, auc, ao, strict=True)
    }
    mean = {"auc": float(np.mean(auc)), "ao": float(np.mean(ao))}
    curves = {"success": {"thresholds": AT, "share": [1.0, float(np.mean(auc)), 0.0]}}
    out = {
        "result": name,
        "dataset": "ponds & <lakes>",
        "mean": {"box_iou": {"mean": float(np.mean(auc))}},
        "fps": 25.0,
        "sequences": sequences,
        "boxes": {"protocol": "otb", "mean": mean, "curves": curves},
        "about": {
            "run": {
                "dataset": "x",
                "settings": {"tracker": name, "weights": {"w": "ab12"}, "settings": {}},
            },
            "versions": {"spectrack": "0.1"},
            "attributes": {"koi": ["blur"], "eel": ["blur", "scale"]},
        },
    }
    return {**out, **more}


VALUES = {
    "good": [0.9, 0.8, 0.7, 0.6],
    "<script>alert(1)</script>": [0.5, 0.5, 0.5, 0.9],
    "=poor()": [0.2, 0.1, 0.3, 0.2],
}


@pytest.fixture
def written(tmp_path):
    """A folder with ``scores.json`` for each run."""
    places = []
    for number, (name, values) in enumerate(VALUES.items()):
        folder = tmp_path / f"run{number}"
        folder.mkdir()
        (folder / "scores.json").write_text(json.dumps(scores(name, values)))
        places.append(str(folder))
    return places


@pytest.fixture
def vot():
    """Scores of VOT's runs from anchors."""
    return {
        "result": "csrt",
        "dataset": "VOT2020",
        "mode": "multi-start",
        "total": {"accuracy": 0.6, "robustness": 0.7, "eao": 0.3},
        "eao_interval": [2, 3],
        "eao_curve": [None, 0.5, 0.4, 0.2],
        "sequences": {
            "ball": {"accuracy": 0.5, "robustness": 0.9},
            "crab": {"accuracy": 0.8, "robustness": None},
        },
    }
