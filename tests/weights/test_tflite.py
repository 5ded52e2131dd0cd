"""TensorFlow Lite files: the published ones bit for bit, and ones made here."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from backbone_golden import FILES, backbone_file, backbone_weights
from spectrack.errors import InputError
from spectrack.networks.mobilenet_v2 import MobileNetV2
from spectrack.weights.convert import pull
from spectrack.weights.described import make_network
from spectrack.weights.files import read_weights, sha256_of
from spectrack.weights.flatbuffer import DamagedError, Table
from spectrack.weights.load import load_weights
from spectrack.weights.networks import load_network
from spectrack.weights.table import WEIGHTS
from tiny_tflite import THIN, Rows, ints, tiny, write

NAMES = {
    "mobilenet_v2_1.0_ptq": "mobilenet_v2_ptq",
    "deeplabv3_mnv2_voc": "deeplabv3_mnv2",
    "deeplabv3_mnv2_0.5_voc_fp32": "deeplabv3_dm05",
}
"""Name in the golden file to name in the table of weights."""
KINDS = ("float32", "int8", "uint8")


# --- the published files ---


@pytest.mark.parametrize("name", list(FILES))
def test_published_files_are_their_copies_bit_for_bit(name):
    file, copy = backbone_weights(name), read_weights(backbone_file(FILES[name][1]))
    assert (file.form, copy.form) == ("tflite", "safetensors")
    assert file.tensors.keys() == copy.tensors.keys()
    for key, tensor in file.tensors.items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, copy.tensors[key]), key


@pytest.mark.parametrize("name", list(FILES))
def test_rows_of_the_table_are_of_the_published_files(name):
    file, row = backbone_weights(name), WEIGHTS[NAMES[name]]
    assert row.sha256 == sha256_of(file.path)
    assert row.size_bytes == file.path.stat().st_size
    assert file.about["network"] == {"kind": "mobilenet_v2", **row.arguments}
    assert file.path.name == row.file or name == "deeplabv3_mnv2_0.5_voc_fp32"


@pytest.mark.parametrize("name", list(FILES))
def test_published_files_are_pulled_converted_and_loaded(name, spectrack, tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path / "cache"))
    file, out = backbone_weights(name), tmp_path / "out.safetensors"
    ran = spectrack("weights", "convert", file.path, "--out", out)
    assert ran.status == 0
    assert ran.out.startswith(f"{out}: 102 tensors\nfits ")
    assert NAMES[name] in ran.out
    ran = spectrack("weights", "verify", out)
    assert ran.status == 0
    assert "fits the mobilenet_v2 network that it describes" in ran.out
    pull(NAMES[name], str(file.path))
    for weights in (NAMES[name], str(out), str(file.path)):
        network = load_network(weights, MobileNetV2).network
        assert all(torch.equal(t, file.tensors[n]) for n, t in network.state_dict().items())
        strides = [block.dw.stride[0] for block in network.blocks]
        assert 2 * np.prod(strides) == file.about["network"]["output_stride"]


def test_another_published_file_is_not_pulled_under_the_name(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path))
    path = backbone_weights("deeplabv3_mnv2_voc").path
    with pytest.raises(InputError, match="another file than expected"):
        pull("mobilenet_v2_ptq", str(path))


# --- files made here ---


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stride", [8, 16, 32])
def test_real_numbers_strides_and_names(tmp_path, kind, stride):
    model, path = tiny(kind, stride=stride), tmp_path / "file"
    path.write_bytes(model.bytes())  # told by what it begins with, not by its name
    file = read_weights(path)
    described = {"kind": "mobilenet_v2", "width": THIN, "output_stride": stride}
    assert file.form == "tflite"
    assert file.about == {"source": "file", "sha256": sha256_of(path), "network": described}
    network = make_network(described)
    assert list(file.tensors) == list(network.state_dict())
    for name, tensor in file.tensors.items():
        assert tensor.dtype == torch.float32
        assert np.array_equal(tensor.numpy(), model.real[name]), name
    load_weights(network, file)
    assert network.blocks[16].dw.dilation[0] == 32 // stride


def test_the_same_weights_are_read_from_8_bits_kept_as_safetensors(tmp_path):
    q = torch.tensor([[0, 130], [255, 7]], dtype=torch.uint8).view(2, 2, 1, 1)
    held = {"a.weight": q, "a.scale": torch.tensor([0.1, 3.0]), "a.zero": torch.tensor([130]).int()}
    held |= {"a.bias": torch.ones(2), "b.weight": torch.ones(1, dtype=torch.int8)}
    path = tmp_path / "a.safetensors"
    save_file(held, path)
    tensors = read_weights(path).tensors
    assert tensors.keys() == {"a.weight", "a.bias", "b.weight"}
    scale = float(np.float32(0.1))
    expected = np.array([[-130 * scale, 0], [375, -369]], np.float32)
    assert np.array_equal(tensors["a.weight"].numpy()[:, :, 0, 0], expected)
    assert torch.equal(tensors["b.weight"], held["b.weight"])
    for name, wrong, reason in (
        ("a.scale", torch.ones(3), "3 scales were given for"),
        ("a.scale", torch.zeros(1), "a scale is not a positive number"),
        ("a.zero", torch.zeros(0).int(), "0 zero points were given for"),
        ("a.scale", torch.ones(2).bfloat16(), "its scale is torch.bfloat16, its zero point"),
    ):
        save_file(held | {name: wrong}, path)
        with pytest.raises(InputError, match=rf"cannot be read \(a.weight: {reason}"):
            read_weights(path)


# --- the format below ---


def test_fields_are_read_and_defaults_taken():
    inner = Rows({1: ("b", -5)})
    data = write(Rows({0: ("i", -7), 2: ints(3, 1, 4), 3: inner, 5: [inner, Rows()]}))
    table = Table.root(data)
    assert (table.integer(0, "i"), table.integer(1, "i", 9), table.integer(77, "I", 8)) == (
        -7,
        9,
        8,
    )
    assert table.numbers(2, "<i4", 3).tolist() == [3, 1, 4]
    assert table.numbers(4, "<i4", 3).size == 0
    assert table.table(3).integer(1, "b") == -5
    assert table.table(1) is None
    assert [t.integer(1, "b", 2) for t in table.tables(5, 2)] == [-5, 2]
    for wrong in (-1, 2):
        with pytest.raises(DamagedError, match=f"entry {wrong} is asked for in a list of 2"):
            table.tables(5, 2)[wrong]
    with pytest.raises(DamagedError, match="a list has 3 entries where 2 are the most"):
        table.numbers(2, "<i4", 2)


def test_a_list_that_ends_behind_the_file_is_refused_before_it_is_made():
    data = bytearray(write(Rows({0: ints(1, 2)})))
    struct.pack_into("<I", data, len(data) - 12, 2**31 - 1)
    with pytest.raises(DamagedError, match="a list ends behind the end of the file"):
        Table.root(bytes(data)).numbers(0, "<i8", 2**31)


def test_a_table_within_itself_is_read_as_far_as_it_is_asked_for():
    data = bytearray(write(Rows({0: Rows()})))
    start = struct.unpack_from("<I", data)[0]
    struct.pack_into("<i", data, start + 4, 0)  # the distance to the inner table
    inner = Table.root(bytes(data)).table(0)
    assert inner.position == start + 4
    with pytest.raises(DamagedError, match="an offset leads out of the file"):
        Table(bytes(data), len(data) - 3).integer(0, "b")
