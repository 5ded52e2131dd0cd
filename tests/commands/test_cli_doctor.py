"""``spectrack doctor`` on the weights that come with the package."""

from __future__ import annotations

import json

import pytest

from random_sftrack import write_random_weights


@pytest.fixture
def weights_finding(spectrack, monkeypatch):
    """What the doctor says of the weights, when the package's file is this one."""
    from spectrack.commands import doctor
    from spectrack.trackers.sftrack import weights

    def look(path):
        monkeypatch.setattr(weights, "shipped", lambda: path)
        monkeypatch.setattr(doctor, "_kernels", doctor._python)  # compiles, and is tested elsewhere
        ran = spectrack("doctor", "--json")
        found = json.loads(ran.out)["findings"]
        return ran.status, next(f for f in found if f["name"] == "sftrack weights")

    return look


def test_weights_that_are_there(weights_finding, tmp_path):
    status, finding = weights_finding(write_random_weights(tmp_path / "w.safetensors"))
    assert status == 0
    assert finding["state"] == "ok"
    assert "they fit; no download" in finding["found"]


@pytest.mark.parametrize(("damage", "told"), [(None, "do not exist"), (b"junk", "cannot be read")])
def test_weights_that_are_missing_or_damaged(weights_finding, tmp_path, damage, told):
    path = tmp_path / "w.safetensors"
    if damage:
        path.write_bytes(damage)
    status, finding = weights_finding(path)
    assert status == 1
    assert finding["state"] == "bad"
    assert told in finding["found"]
    assert finding["advice"] == "reinstall spectrack"
