"""``spectrack weights``: list, pull, convert, verify, from a checkpoint to a loaded network."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

from pytracking_like import KWDS, checkpoint_of
from spectrack.trackers.rts.network import rts50
from spectrack.weights.described import make_network, save_described
from spectrack.weights.files import read_weights, sha256_of
from spectrack.weights.load import load_weights
from spectrack.weights.table import WEIGHTS

BARE = "siamrpn_mobilev2_l234_dwxcorr"
"""Weights of a network that is not here: any numbers are as good as theirs."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def net() -> dict[str, torch.Tensor]:
    """The tensors of RTS at full size; their numbers are small and made up."""
    with torch.device("meta"):
        empty = rts50().state_dict()
    return {
        name: torch.full(t.shape, 0.25 + 0.001 * i).to(t.dtype)
        for i, (name, t) in enumerate(empty.items())
    }


@pytest.fixture(scope="module")
def published(net, tmp_path_factory) -> Path:
    """A checkpoint of RTS as pytracking would have saved it."""
    return checkpoint_of(net, tmp_path_factory.mktemp("published") / "rts50.pth")


def test_the_list_tells_what_is_where(spectrack, cache):
    ran = spectrack("weights")
    assert ran.status == 0
    for name, entry in WEIGHTS.items():
        assert name in ran.out
        assert entry.file in ran.out
    assert str(cache) in ran.out
    listed = json.loads(spectrack("weights", "list", "--json").out)["weights"]
    states = {row["name"]: row["state"] for row in listed}
    shipped = {name for name, entry in WEIGHTS.items() if entry.asset}
    permissive = {"mask_in_box_permissive", "nanotrack_permissive"}
    assert shipped == {"sftrack", "mask_in_box", "fear", "nanotrack"} | permissive
    assert states == dict.fromkeys(WEIGHTS, "absent") | dict.fromkeys(shipped, "shipped")
    assert all(row["licence"] and row["paper"] for row in listed)
    unknown = {row["name"] for row in listed if row["state"] != "shipped" and not row["sources"]}
    assert unknown == {
        "mdnet",
        "siamfc_alexnet",
        "dimp_small",
        "pixelwise",
    }  # nobody tells
    assert all(source.startswith("http") for row in listed for source in row["sources"])


def test_from_a_checkpoint_to_a_loaded_network(spectrack, published, net, tmp_path):
    out = tmp_path / "rts50.safetensors"
    ran = spectrack("weights", "convert", published, "--out", out)
    assert ran.status == 0, ran.err
    assert "497 tensors" in ran.out
    assert "fits rts50\n" in ran.out
    assert "made by ltr.models.rts.rts.rts50" in ran.out
    assert "  label_encoder_dims = [16, 32, 64, 128]" in ran.out
    with torch.device("meta"):
        network = rts50()
    network.to_empty(device="cpu")
    loaded = load_weights(network, out)
    assert loaded.about["constructor"]["kwds"]["gauss"] == KWDS["gauss"]
    assert loaded.about["networks"] == ["rts50"]
    held = network.state_dict()
    assert held.keys() == net.keys()
    assert all(torch.equal(held[name], tensor) for name, tensor in net.items())


def test_pull_keeps_what_fits_where_it_is_found_by_name(spectrack, published, cache):
    ran = spectrack("weights", "pull", "rts50", "--from", published)
    assert ran.status == 0, ran.err
    assert ran.out == f"rts50: 497 tensors in {cache / 'rts50.safetensors'}\n"
    again = json.loads(spectrack("weights", "pull", "rts50", "--json").out)
    assert again == {
        "name": "rts50",
        "path": str(cache / "rts50.safetensors"),
        "pulled": False,
    }
    assert re.search(r"^rts50 +cached", spectrack("weights").out, re.MULTILINE)
    verified = json.loads(spectrack("weights", "verify", "rts50", "--json").out)
    assert verified["fits"] == ["rts50"]
    assert (verified["missing"], verified["extra"], verified["not_finite"]) == ([], [], [])


def test_verify_tells_the_nearest_network_and_what_differs(spectrack, net, tmp_path):
    held = {name: tensor for name, tensor in net.items() if "clf_encoder.res1" not in name}
    path = checkpoint_of(held | {"more.weight": torch.ones(1)}, tmp_path / "a.pth")
    ran = spectrack("weights", "verify", path)
    missing = len(net) - len(held)
    assert (ran.status, missing) == (1, 4)
    assert "does not fit rts50: 4 missing (clf_encoder.res1." in ran.out
    assert " and 1 more), 1 extra (more.weight)" in ran.out
    assert "no network is there yet for super_dimp_simple" in ran.out
    other = spectrack("weights", "verify", path, "--network", "sta")
    assert other.status == 1
    assert "does not fit sta: " in other.out


def test_verify_compares_with_the_network_that_a_file_describes(spectrack, tmp_path):
    described = {
        "kind": "rts",
        "backbone": {"block": "basic", "depths": [1, 1, 1, 1], "widths": [8] * 4, "stem": 8},
        "features": 16,
        "encoding": 4,
        "decoder_maps": 8,
    }
    path = tmp_path / "small.safetensors"
    network = make_network(described)
    save_described(path, network, described, {})
    ran = spectrack("weights", "verify", path)
    assert (ran.status, ran.err) == (0, "")
    assert "fits the rts network that it describes" in ran.out
    save_described(path, network, described | {"features": 24}, {})
    ran = spectrack("weights", "verify", path)
    assert ran.status == 1
    assert "does not fit the rts network that it describes: " in ran.out
    assert "of another shape" in ran.out
    save_described(path, network, {"kind": "rts", "backbone": {"depths": []}}, {})
    ran = spectrack("weights", "verify", path)
    assert ran.status == 2
    assert "cannot be made so" in ran.err


def test_verify_finds_numbers_that_are_not_finite(spectrack, tmp_path):
    tensors = read_weights(WEIGHTS["sftrack"].shipped()).tensors
    name = next(iter(tensors))
    tensors[name].view(-1)[0] = float("nan")
    path = checkpoint_of(tensors, tmp_path / "a.pth")
    ran = spectrack("weights", "verify", path)
    assert ran.status == 1
    assert "fits sftrack" in ran.out
    assert f"1 tensors hold numbers that are not finite, {name} first" in ran.out


def test_what_has_no_network_yet_is_pulled_unverified(spectrack, tmp_path, cache):
    path = checkpoint_of({"a": torch.ones(2)}, tmp_path / f"{BARE}.pth")
    ran = spectrack("weights", "pull", BARE, "--from", path)
    assert ran.status == 0
    assert f"no network for {BARE} yet, so it was not verified" in ran.err
    assert (cache / f"{BARE}.safetensors").is_file()
    ran = spectrack("weights", "verify", BARE, "--network", BARE)
    assert (ran.status, ran.out) == (2, "")
    assert f"there is no network for {BARE} yet" in ran.err


def test_what_was_pulled_is_held_to_from_then_on(spectrack, tmp_path, cache):
    """Verify notices another file in the cache; a pull says what is recorded."""
    path = checkpoint_of({"a": torch.ones(2)}, tmp_path / f"{BARE}.pth")
    ran = spectrack("weights", "pull", BARE, "--from", path)
    digest = sha256_of(path)
    assert f"no SHA-256 of {WEIGHTS[BARE].file} is published; {digest} is recorded" in ran.err
    record = json.loads((cache / f"{BARE}.json").read_text())
    assert record["sha256"] == digest
    file = cache / f"{BARE}.safetensors"
    assert record["cached_sha256"] == sha256_of(file)
    assert json.loads(spectrack("weights", "verify", BARE, "--json").out)["changed"] is False
    file.write_bytes((WEIGHTS["sftrack"].shipped() or file).read_bytes())
    ran = spectrack("weights", "verify", BARE)
    assert (ran.status, ran.err) == (1, "")
    assert f"is another file than was pulled (SHA-256 {record['cached_sha256']})" in ran.out
    ran = spectrack("weights", "pull", BARE, "--from", path)
    assert (ran.status, ran.out) == (2, "")
    assert "pass --overwrite to fetch it anew" in ran.err
    assert spectrack("weights", "pull", BARE, "--from", path, "--overwrite").status == 0
    assert spectrack("weights", "pull", BARE).status == 0


def test_nothing_is_overwritten_silently(spectrack, tmp_path, cache):
    first = checkpoint_of({"a": torch.ones(2)}, tmp_path / "a.pth")
    second = checkpoint_of({"a": torch.zeros(2)}, tmp_path / "b.pth")
    out = tmp_path / "a.safetensors"
    assert spectrack("weights", "convert", first, "--out", out).status == 0
    held = out.read_bytes()
    refused = spectrack("weights", "convert", second, "--out", out)
    assert refused.status == 2
    assert "pass --overwrite" in refused.err
    assert out.read_bytes() == held
    assert spectrack("weights", "convert", second, "--out", out, "--overwrite").status == 0
    assert torch.equal(read_weights(out).tensors["a"], torch.zeros(2))
    kept = cache / f"{BARE}.safetensors"
    for path, flags in ((first, ()), (second, ()), (second, ("--overwrite",))):
        assert spectrack("weights", "pull", BARE, "--from", path, *flags).status == 0
        expected = torch.zeros(2) if flags else torch.ones(2)
        assert torch.equal(read_weights(kept).tensors["a"], expected)


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["fetch"], "ACTION 'fetch' does not exist; choose from list, pull, convert, verify"),
        (["pull", "rts5"], "weights 'rts5' does not exist (did you mean rts50?)"),
        (
            ["pull", "rts50"],
            "/1mOSA6HZ80zDu-6R7EOSiW8YwQMlzR5SQ is a folder; open it in a browser, get rts50.pth, "
            "and give that file by --from",
        ),
        (["pull", "rts50", "--from", "none.pth"], "none.pth does not exist; give a file or a URL"),
        (["pull", "rts50", "--from", "https://host/a"], "SPECTRACK_OFFLINE is set"),
        (["convert", "none.pth", "--out", "a.safetensors"], "weights none.pth do not exist"),
        (["convert", "none.pth", "--out", "a.pth"], "give a name that ends in .safetensors"),
        (["verify", "none.pth"], "weights none.pth do not exist; give a file, or one of"),
        (["verify", "sftrack", "--network", "x"], "weights 'x' does not exist"),
    ],
)
def test_mistakes_are_answered_in_one_sentence(
    spectrack, tmp_path, monkeypatch, args, sentence, cache
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPECTRACK_OFFLINE", "1")
    ran = spectrack("weights", *args)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert sentence in ran.err
    assert list(tmp_path.iterdir()) == []
