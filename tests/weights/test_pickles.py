"""Checkpoints of torch.save: what torch reads, we read; what is damaged is refused."""

from __future__ import annotations

import io
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from pytracking_like import KWDS, checkpoint_of
from spectrack.errors import InputError
from spectrack.weights.checkpoints import read_checkpoint
from spectrack.weights.files import read_weights
from spectrack.weights.stand_ins import StandIn

LEGACY = pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
]


def save(content: object, path: Path, legacy: bool) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path


def saved(content: object, legacy: bool = False) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


@LEGACY
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tensors_are_those_torch_reads(tmp_path, dtype, legacy):
    whole = (torch.arange(24) % 5).to(dtype).reshape(4, 6)
    net = OrderedDict(
        whole=whole,
        turned=whole.t()[1:3],
        part=whole[1:, 2::2],
        number=whole[2, 3],
        none=whole[:0],
        shared=whole,
    )
    path = save(net, tmp_path / "a.pth", legacy)
    ours, theirs = read_weights(path).tensors, torch.load(path)
    assert list(ours) == list(theirs)
    for name, tensor in theirs.items():
        assert ours[name].dtype == tensor.dtype
        assert ours[name].shape == tensor.shape
        assert torch.equal(ours[name], tensor), name
        assert ours[name].is_contiguous()
    ours["whole"].zero_()
    assert torch.equal(ours["shared"], theirs["shared"]), "tensors share no memory"


@LEGACY
def test_plain_values_come_as_they_are(tmp_path, legacy):
    content = {
        "numbers": [0, 255, -1, 2**40, 1.5, True, None, 2**70],
        "texts": ("", "naïve\n", b"\x00\xff"),
        "nested": {
            "set": {1, 2},
            "frozen": frozenset({3}),
            ("a", 1): [[]],
            "size": torch.Size([2]),
        },
        "parameter": torch.nn.Parameter(torch.ones(3)),
    }
    checkpoint = read_checkpoint(save(content, tmp_path / "a.pth", legacy))
    parameter = checkpoint.content.pop("parameter")
    assert torch.equal(parameter, torch.ones(3))
    content.pop("parameter")
    assert checkpoint.content == content


@LEGACY
def test_objects_of_a_training_package_become_stand_ins(tmp_path, legacy):
    net = {"a.weight": torch.randn(2, 3), "a.bias": torch.randn(2)}
    path = checkpoint_of(net, tmp_path / "rts50.pth", legacy)
    with pytest.raises(Exception, match=r"[Ww]eights.?only|ltr"):
        torch.load(path, weights_only=True)
    checkpoint = read_checkpoint(path)
    constructor = checkpoint.content["constructor"]
    assert isinstance(constructor, StandIn)
    assert constructor.name == "ltr.admin.model_constructor.NetConstructor"
    assert constructor.get("kwds") == KWDS
    assert checkpoint.content["stats"]["train"]["loss"].get("history") == [0.5, 0.25]
    file = read_weights(path)
    assert file.form == ("legacy" if legacy else "zip")
    assert all(torch.equal(file.tensors[name], tensor) for name, tensor in net.items())
    assert file.about["epoch"] == 40
    assert file.about["constructor"] == {
        "class": "ltr.admin.model_constructor.NetConstructor",
        "function": "ltr.models.rts.rts.rts50",
        "args": ["max"],
        "kwds": KWDS | {"label_encoder_dims": [16, 32, 64, 128]},
    }


@LEGACY
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.98])
def test_truncated_files_are_refused(tmp_path, legacy, share):
    whole = saved({"a": torch.randn(50, 50), "b": torch.randn(7)}, legacy)
    path = tmp_path / "a.pth"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"a\.pth .*give"):
        read_weights(path)


def test_flipped_bits_in_the_numbers_of_a_zip_are_found(tmp_path):
    whole = bytearray(saved({"a": torch.zeros(1000)}))
    whole[whole.index(bytes(2000)) + 1000] = 1
    path = tmp_path / "a.pth"
    path.write_bytes(whole)
    with pytest.raises(InputError, match="CRC"):
        read_weights(path)


@LEGACY
def test_random_damage_is_refused_or_harmless(tmp_path, rng, legacy):
    net = {"a": torch.randn(3, 3), "b": {"deep": torch.zeros(2)}, "c": [1, "x", 2.5]}
    whole = saved(net, legacy)
    path = tmp_path / "a.pth"
    outcomes = set()
    for _ in range(300):
        bad = bytearray(whole)
        for at in rng.integers(0, len(bad), 4):
            bad[at] = rng.integers(256)
        path.write_bytes(bad)
        try:
            outcomes.add(type(read_checkpoint(path).content).__name__)
        except InputError:
            outcomes.add("refused")
    assert "refused" in outcomes


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"hello, this is no checkpoint at all" * 20, "neither a zip nor the older form"),
        (b"\x80\x04N.", "neither a zip nor the older form"),
        (b"\0" * 257 + b"ustar" + b"\0" * 300, "tar as torch wrote before 0.4"),
        (b"", "empty"),
    ],
)
def test_other_files_are_refused(tmp_path, content, reason):
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason):
        read_weights(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"net": {}}, "holds nothing where tensors"),
        ({"model": torch.ones(2), "epoch": 3}, "holds epoch where tensors"),
        ([torch.ones(2)], "holds nothing where tensors"),
        ({}, "holds nothing where tensors"),
        ({"net": {"a": torch.ones(2), "b": "text"}}, "holds b where tensors"),
    ],
)
def test_checkpoints_without_a_net_are_refused(tmp_path, content, reason):
    with pytest.raises(InputError, match=reason):
        read_weights(save(content, tmp_path / "a.pth", False))


def test_missing_files_and_folders_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none.pth"):
        with pytest.raises(InputError, match="do not exist; give a file"):
            read_weights(path)


def rezipped(content: bytes, change) -> bytes:
    """A zip with its entries as ``change`` makes them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for info in old.infolist():
            for name, data, kind in change(info.filename, old.read(info)):
                new.writestr(name, data, compress_type=kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda n, d: [(n, d, zipfile.ZIP_DEFLATED)], "packed or locked|claim more"),
        (lambda n, d: [("../" + n, d, zipfile.ZIP_STORED)], "names that lead out"),
        (lambda n, d: [("/" + n, d, zipfile.ZIP_STORED)], "names that lead out"),
        (lambda n, d: [] if n.endswith("/data.pkl") else [(n, d, 0)], "zip of another kind"),
        (
            lambda n, d: [(n, d, 0), (n.replace("data.pkl", "constants.pkl"), d, 0)],
            "kind|names|more",
        ),
        (lambda n, d: [] if n.endswith("/data/0") else [(n, d, 0)], "fewer numbers"),
        (lambda n, d: [(n, d[:-4] if n.endswith("/data/0") else d, 0)], "fewer numbers"),
        (lambda n, d: [(n, bytes(2**20), zipfile.ZIP_DEFLATED)], "claim more"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_zips_that_torch_would_not_write_are_refused(tmp_path, change, reason):
    path = tmp_path / "a.pth"
    path.write_bytes(rezipped(saved({"a": torch.ones(5)}), change))
    with pytest.raises(InputError, match=reason):
        read_weights(path)
    assert list(tmp_path.parent.glob("archive*")) == []


def test_two_archives_in_one_file_are_refused(tmp_path):
    """Python's zipfile reads the second of them, torch the first."""
    path = tmp_path / "a.pth"
    first, second = (saved({"a": torch.full((4,), value)}) for value in (1.0, 2.0))
    path.write_bytes(first + second)
    assert torch.equal(torch.load(path)["a"], torch.ones(4))
    with zipfile.ZipFile(path) as archive:
        assert archive.read("archive/data/0") == struct.pack("<4f", *[2.0] * 4)
    with pytest.raises(InputError, match="something before its archive"):
        read_weights(path)


def test_what_is_not_used_is_not_read(tmp_path):
    """Tensors are views of the file: a state of an optimiser takes no memory."""
    held = torch.arange(1000.0)
    path = save({"net": {"a": held}, "optimizer": {"b": held + 1}}, tmp_path / "a.pth", False)
    content = read_checkpoint(path).content
    used = content["net"]["a"].data_ptr()
    assert abs(content["optimizer"]["b"].data_ptr() - used) < path.stat().st_size
    assert torch.equal(content["optimizer"]["b"], held + 1)
    ours = read_weights(path).tensors["a"]
    path.write_bytes(bytes(path.stat().st_size))
    assert torch.equal(ours, held), "what was read is a copy"


def test_a_zip_written_on_a_big_endian_machine_is_turned(tmp_path):
    net = {"a": torch.tensor([1.5, -2.0]), "b": torch.tensor([3, 258])}

    def turn(name, data):
        if name.endswith("byteorder"):
            return [(name, b"big", 0)]
        if name.endswith("/data/0"):
            return [(name, struct.pack(">2f", 1.5, -2.0), 0)]
        if name.endswith("/data/1"):
            return [(name, struct.pack(">2q", 3, 258), 0)]
        return [(name, data, 0)]

    path = tmp_path / "a.pth"
    path.write_bytes(rezipped(saved(net), turn))
    tensors = read_weights(path).tensors
    assert all(torch.equal(tensors[name], tensor) for name, tensor in net.items())
