"""Checkpoints made to harm: whatever they ask for, nothing is executed and no memory is wasted."""

from __future__ import annotations

import contextlib
import copyreg
import functools
import importlib
import io
import operator
import os
import pickle
import shutil
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch._utils import _rebuild_tensor_v2

from spectrack.errors import InputError
from spectrack.weights import unpickler
from spectrack.weights.checkpoints import LEGACY_MAGIC, LEGACY_PROTOCOL, read_checkpoint
from spectrack.weights.files import read_weights
from spectrack.weights.stand_ins import GlobalName, StandIn, described
from spectrack.weights.unpickler import unpickle


class Calls:
    """An object whose pickle calls a function when it is read."""

    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced

    def __call__(self):
        """Pickle wants what is called to be callable when it is written."""


class SetsState:
    """An object that runs code when its state is set."""

    def __init__(self, state):
        self.state = state

    def __getstate__(self):
        return {"path": str(self.state)}

    def __setstate__(self, state):
        Path(state["path"]).write_text("harm")


class Writes:
    """A class that runs code when it is made."""

    def __new__(cls, path):
        Path(path).write_text("harm")
        return super().__new__(cls)


class Appends(list):
    """A list that runs code when it is appended to."""

    def append(self, item):
        Path(item).write_text("harm")

    def extend(self, items):
        for item in items:
            self.append(item)


def run(victim: Path) -> str:
    return f"touch {victim}"


def write(victim: Path) -> str:
    return f"open({str(victim)!r}, 'w').write('harm')"


def call_by_name(victim: Path) -> Calls:
    return Calls(Calls(getattr, Calls(importlib.import_module, "os"), "system"), run(victim))


def tensor_with_a_trap(victim: Path) -> Calls:
    return Calls(_rebuild_tensor_v2, None, Calls(eval, write(victim)), (1,), (1,), False, {})


OBJECTS = {
    "os.system": lambda v: Calls(os.system, run(v)),
    "eval": lambda v: Calls(eval, write(v)),
    "exec": lambda v: Calls(exec, write(v)),
    "open": lambda v: Calls(open, str(v), "w"),
    "getattr": call_by_name,
    "partial": lambda v: Calls(functools.partial(os.system, run(v))),
    "methodcaller": lambda v: Calls(operator.methodcaller("write_text", "harm"), v),
    "torch.load": lambda v: Calls(torch.load, trap(v)),
    "torch.save": lambda v: Calls(torch.save, {"a": 1}, str(v)),
    "shutil.copy": lambda v: Calls(shutil.copy, __file__, str(v)),
    "__setstate__": SetsState,
    "within the net": lambda v: {"net": OrderedDict(a=Calls(os.system, run(v)))},
    "as a key": lambda v: {Calls(os.system, run(v)): 1},
    "as the offset of a tensor": tensor_with_a_trap,
}
WORDS = {
    "protocol 0": lambda v: pickle.dumps(Calls(os.system, run(v)), 0),
    "protocol 5": lambda v: pickle.dumps(Calls(os.system, run(v)), 5),
    "INST": lambda v: f"(S'{run(v)}'\nios\nsystem\n.".encode(),
    "OBJ": lambda v: f"(cos\nsystem\nS'{run(v)}'\no.".encode(),
    "STACK_GLOBAL": lambda v: f"\x80\x04Vos\nVsystem\n\x93(S'{run(v)}'\ntR.".encode("latin1"),
    "NEWOBJ": lambda v: f"c{__name__}\nWrites\n(S'{v}'\nt\x81.".encode("latin1"),
    "APPEND": lambda v: f"c{__name__}\nAppends\n)\x81S'{v}'\na.".encode("latin1"),
    "before an error": lambda v: f"cos\nsystem\n(S'{run(v)}'\ntR0R.".encode(),
    "by an old name": lambda v: f'c__builtin__\neval\n(S"{write(v)}"\ntR.'.encode(),
}
ATTACKS = {name: lambda v, make=make: pickle.dumps(make(v), 2) for name, make in OBJECTS.items()}
ATTACKS |= WORDS


def trap(victim: Path) -> str:
    """A second file, for a call of torch.load to run."""
    path = victim.with_name("trap.pkl")
    path.write_bytes(legacy(pickle.dumps(Calls(os.system, run(victim)), 2)))
    return str(path)


def zipped(main: bytes, data: bytes = b"") -> bytes:
    """A checkpoint whose pickle is ``main``, with 4 numbers of 4 bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", main)
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/data/0", data or bytes(16))
        archive.writestr("archive/version", "3\n")
    return buffer.getvalue()


def legacy(main: bytes, keys: bytes | None = None, system: bytes | None = None) -> bytes:
    """The older form of the same."""
    parts = [pickle.dumps(LEGACY_MAGIC, 2), pickle.dumps(LEGACY_PROTOCOL, 2)]
    parts += [system or pickle.dumps({"little_endian": True}, 2), main]
    return b"".join([*parts, keys or pickle.dumps([], 2)])


@pytest.mark.filterwarnings("ignore:Environment variable TORCH_FORCE")
@pytest.mark.parametrize("name", ATTACKS)
def test_an_ordinary_reader_falls_for_every_attack(tmp_path, monkeypatch, name):
    """Else the tests below would prove nothing."""
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    victim = tmp_path / "victim"
    with contextlib.suppress(Exception):
        pickle.loads(ATTACKS[name](victim))
    assert victim.exists()


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_is_executed(tmp_path, name):
    victim, path = tmp_path / "victim", tmp_path / "a.pth"
    attack = ATTACKS[name](victim)
    plain = pickle.dumps({}, 2)
    forms = [zipped(attack), legacy(attack), legacy(plain, attack), legacy(plain, None, attack)]
    for content in (*forms, attack):
        path.write_bytes(content)
        with contextlib.suppress(InputError):
            described(read_checkpoint(path).content)
        with pytest.raises(InputError, match=r"a\.pth"):
            read_weights(path)
        assert not victim.exists()


def test_no_attack_is_executed_by_the_command(tmp_path, spectrack):
    victim, path = tmp_path / "victim", tmp_path / "a.pth"
    path.write_bytes(zipped(ATTACKS["os.system"](victim)))
    ran = spectrack("weights", "convert", path, "--out", tmp_path / "a.safetensors")
    assert (ran.status, ran.out) == (2, "")
    assert "holds nothing where tensors were expected" in ran.err
    assert [p.name for p in tmp_path.iterdir()] == ["a.pth"]


def test_what_would_be_called_is_told_by_name():
    told = unpickle(io.BytesIO(pickle.dumps(Calls(os.system, "true"), 2)))
    assert isinstance(told, StandIn)
    assert (told.name, told.arguments) == ("posix.system", ("true",))
    assert described(told) == {"class": "posix.system", "arguments": ["true"]}


def test_codes_of_extensions_reach_nothing(tmp_path, monkeypatch):
    """Another reader of this process may have filled the cache of what they stand for."""
    victim = tmp_path / "victim"
    monkeypatch.setitem(copyreg._extension_cache, 7, os.system)
    words = f"\x80\x02\x82\x07X{chr(len(run(victim)))}\0\0\0{run(victim)}\x85R.".encode("latin1")
    pickle.loads(words)
    assert victim.exists()
    victim.unlink()
    with pytest.raises(ValueError, match="damaged"):
        unpickle(io.BytesIO(words))
    assert not victim.exists()


def test_a_place_in_the_memo_takes_no_room():
    """Python's own reader in C takes 8 bytes for every place below: here 16 GiB."""
    assert unpickle(io.BytesIO(b"Nr\xff\xff\xff\x7f0j\xff\xff\xff\x7f.")) is None


def test_objects_of_torch_are_not_changed_by_the_file(tmp_path):
    """A tensor takes entries and attributes; those that a file sets are refused or dropped."""
    path = tmp_path / "a.pth"
    tensor = tensor_words(0, (4,), (1,))[:-3]  # leaves the tensor on top of the stack
    path.write_bytes(zipped(tensor + b"}U\x04dataK\x07sbss."))
    assert torch.equal(read_weights(path).tensors["a"], torch.zeros(4))
    for words in (b"K\x00K\x07s", b"(K\x07e", b"K\x07a", b"(K\x00K\x07u", b"(K\x07\x90"):
        path.write_bytes(zipped(tensor + words + b"ss."))
        with pytest.raises(InputError, match="its pickle"):
            read_weights(path)


# --- tensors that are not there ---

STORAGE = ("storage", GlobalName("torch", "FloatStorage"), "0", "cpu", 4)


def tensor_words(offset, shape, strides, storage=STORAGE) -> bytes:
    """A pickle of {"net": {"a": tensor}} with these numbers."""
    kind, cls, *rest = storage
    pid = b"(" + pickle.dumps(kind, 2)[2:-1] + f"c{cls.module}\n{cls.name}\n".encode()
    pid += b"".join(pickle.dumps(part, 2)[2:-1] for part in rest) + b"tQ"
    numbers = b"".join(pickle.dumps(n, 2)[2:-1] for n in (offset, shape, strides))
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + pid + numbers + b"\x89}tR"
    return b"\x80\x02}U\x03net}U\x01a" + tensor + b"ss."


def test_the_tensors_made_by_hand_are_read(tmp_path):
    path = tmp_path / "a.pth"
    data = torch.arange(4.0)
    path.write_bytes(zipped(tensor_words(1, (3,), (1,)), data.numpy().tobytes()))
    assert torch.equal(read_weights(path).tensors["a"], data[1:])
    assert torch.equal(torch.load(path)["net"]["a"], data[1:])


def test_a_part_of_a_storage_counts_from_its_start(tmp_path):
    """As torch before 1.0 wrote storages that share memory."""
    path = tmp_path / "a.pth"
    data = torch.arange(4.0)
    words = tensor_words(1, (2,), (1,), (*STORAGE, ("v", 1, 3)))
    path.write_bytes(zipped(words, data.numpy().tobytes()))
    assert torch.equal(read_weights(path).tensors["a"], data[2:])
    for view in (("v", 1, 4), ("v", -1, 2), ("v", 1, 2)):
        path.write_bytes(zipped(tensor_words(1, (2,), (1,), (*STORAGE, view))))
        with pytest.raises(InputError, match="cannot be read"):
            read_weights(path)


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (5,), (1,)),
        (4, (1,), (1,)),
        (0, (2, 2), (3, 1)),
        (-1, (1,), (1,)),
        (3, (2,), (-1,)),
        (0, (-1,), (1,)),
        (0, (10**15,), (0,)),
        (0, (10**6, 10**6), (0, 0)),
        (0, (2**40, 2**40), (1, 1)),
        (10**30, (1,), (1,)),
        (0, (1, 1), (1,)),
        (0, (1,) * 40, (1,) * 40),
        (0, ("4",), (1,)),
        (0, (True,), (1,)),
        (0, (2.0,), (1,)),
        (0, None, (1,)),
        (None, (1,), (1,)),
    ],
)
def test_tensors_beyond_their_storage_are_refused(tmp_path, offset, shape, strides):
    path = tmp_path / "a.pth"
    path.write_bytes(zipped(tensor_words(offset, shape, strides)))
    with pytest.raises(InputError, match=r"a\.pth cannot be read"):
        read_weights(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({4: 5}, "fewer numbers"),
        ({4: 10**12}, "fewer numbers"),
        ({4: -4}, "impossible"),
        ({4: "4"}, "impossible"),
        ({2: "../data.pkl"}, "fewer numbers"),
        ({2: "1"}, "fewer numbers"),
        ({2: None}, "impossible"),
        ({1: GlobalName("torch", "QUInt8Storage")}, "kind that is not read"),
        ({1: GlobalName("os", "FloatStorage")}, "kind that is not read"),
        ({0: "file"}, "outside it"),
    ],
)
def test_storages_that_are_not_there_are_refused(tmp_path, change, reason):
    storage = [change.get(i, part) for i, part in enumerate(STORAGE)]
    path = tmp_path / "a.pth"
    path.write_bytes(zipped(tensor_words(0, (4,), (1,), storage)))
    with pytest.raises(InputError, match=reason):
        read_weights(path)


def test_a_small_file_cannot_ask_for_much_memory(tmp_path):
    """One storage under so many names that the tensors would have many times its size."""
    numbers = torch.zeros(25_000)
    path = tmp_path / "a.pth"
    torch.save({f"n{i}": numbers for i in range(50)}, path)
    with pytest.raises(InputError, match="claim far more numbers"):
        read_weights(path)


# --- pickles that exhaust ---


def test_deep_nesting_is_read_and_told_in_short():
    deep = unpickle(io.BytesIO(b"]" + b"\x85" * 50_000 + b"."))
    assert described(deep) == [[[[[["..."]]]]]]
    with pytest.raises(ValueError, match="nested"):
        unpickle(io.BytesIO(b"}" + b")" + b"\x85" * 50_000 + b"Ns."))


def test_lists_within_themselves_are_told_in_short():
    loop = unpickle(io.BytesIO(b"]q\x00h\x00a."))
    assert loop[0] is loop
    assert described(loop) == [[[[[["..."]]]]]]


def test_a_bomb_of_shared_lists_is_told_in_short():
    value = ["ha"] * 10
    for _ in range(30):
        value = [value] * 10
    assert len(str(described(unpickle(io.BytesIO(pickle.dumps(value, 2)))))) < 10_000


def test_long_programs_are_broken_off(monkeypatch):
    monkeypatch.setattr(unpickler, "MAX_STEPS", 1000)
    with pytest.raises(ValueError, match="more than 1000 steps"):
        unpickle(io.BytesIO(b"N" * 2000 + b"."))
    copies = b"](" + b"N" * 500 + b"eq\x000" + b"cbuiltins\nlist\nh\x00\x85R" * 10 + b"."
    with pytest.raises(ValueError, match="more than 1000 steps"):
        unpickle(io.BytesIO(copies))


SENSELESS = b"""
. R. N (. h\x07. \x82\x01. NNb NNR. N)R. ]Na NNa. }(Nu. ]NNs. NNNs. }]Ns. NQ. \x97. NN\x93. N)}\x92.
(Nl(o. \x8f(]\x90. \x8d\xff\xff\xff\xff\xff\xff\xff\x7f.
"""


@pytest.mark.parametrize("words", [b"", *SENSELESS.split()])
def test_pickles_that_make_no_sense_are_refused(words):
    with pytest.raises(ValueError, match=r".+"):
        unpickle(io.BytesIO(words))
