"""Files that say how to make their network are believed no further than their tensors go."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from small_mdnet import DESCRIBED
from spectrack.errors import InputError
from spectrack.trackers.mdnet.network import MDNet
from spectrack.weights.described import compare_described, make_network, save_described
from spectrack.weights.files import FORMAT, read_weights
from spectrack.weights.networks import load_network


def told_file(path, about):
    """A file of one number that says something; a text is written as it is."""
    text = about if isinstance(about, str) else json.dumps(about)
    save_file({"a": torch.zeros(1)}, path, metadata={FORMAT: text})
    return path


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        ({"kind": ["mdnet"]}, "give a kind of"),
        ({"kind": {}}, "give a kind of"),
        ({"kind": None}, "give a kind of"),
        ({"kind": "mdnet", "backbone": {}}, "give a kind of"),
        ({"kind": "rts", "backbone": {"kind": ["resnet"]}}, r"of the kind \['resnet'\]"),
        ({"kind": "rts", "backbone": {"stem": -3}}, "negative dimension -3"),
        ({"kind": "rts", "backbone": {"depths": None}}, "cannot be made so"),
        ({"kind": "siamfc", "widths": {"a": 1}}, "cannot be made so"),
        ({"kind": "mdnet", "hidden": 10**7}, "cannot be made so"),
        ({"kind": "mdnet", "hidden": 10**30}, "cannot be made so"),
        ({"kind": "mdnet", "hidden": 3000}, "far more numbers than the 1 of"),
        ({"kind": "pixelwise", "maps": -3}, "cannot be made so"),
        ({"kind": "pixelwise", "width": 1e308}, "cannot be made so"),
    ],
)
def test_what_describes_no_network_of_the_file_is_told_in_one_sentence(tmp_path, network, reason):
    path = told_file(tmp_path / "a.safetensors", {"network": network})
    with pytest.raises(InputError, match=reason) as refused:
        load_network(str(path), MDNet)
    assert "\n" not in str(refused.value)
    with pytest.raises(InputError, match=reason):
        compare_described(read_weights(path))


@pytest.mark.parametrize("about", [[1, 2], "3", '"text"', "null", "[" * 10**5, "{", {"network": 3}])
def test_what_says_nothing_that_is_ours_is_of_no_account(tmp_path, about):
    path = told_file(tmp_path / "a.safetensors", about)
    assert isinstance(read_weights(path).about, dict)
    assert compare_described(read_weights(path)) is None
    with pytest.raises(InputError, match="do not fit MDNet"):
        load_network(str(path), MDNet)


@pytest.mark.parametrize(
    "network",
    [
        {"kind": "mdnet", "hidden": 16000},
        {"kind": "mdnet", "hidden": 1, "domains": 200_000},
        {"kind": "rts", "backbone": {"stem": 1, "widths": [1] * 4, "depths": [30_000, 1, 1, 1]}},
    ],
)
def test_a_small_file_takes_little_memory(tmp_path, network):
    path = told_file(tmp_path / "a.safetensors", {"network": network})
    code = f"""
import resource
import spectrack.trackers.mdnet.network, spectrack.trackers.rts.network
from spectrack.weights.described import compare_described
from spectrack.weights.files import read_weights

file = read_weights({str(path)!r})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    compare_described(file)
except ValueError as error:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, error)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    kibibytes, _, told = ran.stdout.partition(" ")
    assert int(kibibytes) < 100 * 1024
    assert "far more numbers than the 1 of" in told


def test_a_file_that_holds_what_it_says_is_believed(tmp_path):
    path = tmp_path / "a.safetensors"
    deep = {"kind": "mdnet", "widths": [2, 2, 2], "hidden": 4, "domains": 300}
    for description in (DESCRIBED, deep):
        network = make_network(description)
        save_described(path, network, description, {})
        found = load_network(str(path), MDNet).network
        for name, tensor in network.state_dict().items():
            assert torch.equal(found.state_dict()[name], tensor)
        name, differences = compare_described(read_weights(path))
        assert (name, len(differences)) == ("the mdnet network that it describes", 0)
