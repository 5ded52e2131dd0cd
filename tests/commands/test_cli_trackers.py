"""``spectrack trackers``: what each gives, its weights and their terms, how fast it is."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from typing import get_args

import pytest

from spectrack.commands.trackers import settings_text
from spectrack.tracking.table import TRACKERS, Speed
from spectrack.weights.places import state_of
from spectrack.weights.table import WEIGHTS


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of weights."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("SPECTRACK_CACHE", str(folder))
    return folder


def listed(spectrack) -> dict[str, dict]:
    return {row["name"]: row for row in json.loads(spectrack("trackers", "--json").out)["trackers"]}


def test_as_text_and_json(spectrack):
    text = spectrack("trackers").out
    rows = text.split("\n\n")[0].splitlines()
    assert [row.split()[0] for row in rows] == list(TRACKERS)
    assert "spectrack weights pull NAME" in text.split("\n\n")[1]
    found = listed(spectrack)
    assert list(found) == list(TRACKERS)
    for line, row in zip(rows, found.values(), strict=True):
        assert row["gives"] in {"masks", "boxes"}
        assert row["description"]
        assert row["licences"]
        assert row["speed"] in get_args(Speed)
        for shown in ("gives", "state", "speed", "description"):
            assert f"  {row[shown]}" in line


def test_where_weights_are_and_on_what_terms(spectrack, cache):
    found = listed(spectrack)
    assert found["sftrack"]["state"] == "shipped"
    assert [w["name"] for w in found["sftrack"]["weights"]] == ["sftrack", "mask_in_box", "fear"]
    assert found["flow"]["state"] == found["csrt"]["state"] == "none needed"
    assert found["flow"]["licences"] == ["Apache-2.0"]
    assert found["rts"]["state"] == "absent"
    (cache / "rts50.safetensors").touch()
    row = listed(spectrack)["rts"]
    assert row["state"] == "cached"
    assert {w["name"]: w["state"] for w in row["weights"]} == {
        "rts50": "cached",
        "mask_in_box": "shipped",
    }
    assert row["licences"] == [WEIGHTS["rts50"].licence, WEIGHTS["mask_in_box"].licence]


def test_one_of_them_in_full(spectrack):
    text = spectrack("trackers", "rts").out
    assert TRACKERS["rts"].description in text
    assert f"weights: rts50, absent; terms: {WEIGHTS['rts50'].licence}" in text
    assert "presence  " in text
    values = json.loads(spectrack("trackers", "rts", "--json").out)
    assert values["settings"]["presence"] == 0.3
    assert values["state"] == "absent"
    assert "weights: none needed; terms: Apache-2.0" in spectrack("trackers", "flow").out


@pytest.mark.parametrize("name", list(TRACKERS))
def test_settings_are_told_without_marks(name):
    text = settings_text(TRACKERS[name].settings)
    assert not re.search(r"``|:\w+:`|^(Args|Attributes|Raises):", text, re.MULTILINE)
    fields_told = [field.name for field in fields(TRACKERS[name].settings)]
    assert all(re.search(rf"\b{field}\b", text) for field in fields_told)


def test_a_row_of_another_package(spectrack, monkeypatch):
    other = replace(TRACKERS["kcf"], target="other:Tracker", speed=None, weights=("unheard-of",))
    monkeypatch.setitem(TRACKERS, "other", other)
    row = listed(spectrack)["other"]
    assert (row["state"], row["weights"], row["speed"]) == ("none needed", [], None)
    assert row["licences"] == ["those of the package it is from"]
    assert "not measured" in spectrack("trackers").out


@pytest.mark.parametrize("name", TRACKERS)
def test_without_its_weights_it_says_in_one_sentence_how_to_get_them(
    spectrack, name, frames_folder, clip_box, tmp_path
):
    """Of a name that is not listed as absent, ``tests/tracking/test_base.py`` makes the tracker."""
    assert set(TRACKERS[name].weights) <= set(WEIGHTS)
    absent = [weights for weights in TRACKERS[name].weights if state_of(weights) == "absent"]
    if not absent:
        return
    args = ("--box", clip_box, "--tracker", name, "--out", tmp_path / "out")
    ran = spectrack("track", frames_folder, *args)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    ways = [WEIGHTS[w].recipe or f"get them by: spectrack weights pull {w}" for w in absent]
    assert any(way in ran.err for way in ways)
    assert not (tmp_path / "out").exists()
