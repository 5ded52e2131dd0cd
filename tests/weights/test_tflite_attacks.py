"""TensorFlow Lite files of other networks, damaged, or made to harm: one sentence, and no harm."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.weights.files import read_weights
from tiny_tflite import TinyModel, ints, tiny


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[bytes], str]:
    """Reads a file of these bytes; the sentence why it cannot be read."""

    def read(content: bytes) -> str:
        path = tmp_path / "a.tflite"
        path.write_bytes(content)
        with pytest.raises(InputError) as error:
            read_weights(path)
        return str(error.value)

    return read


# --- other networks ---


def spoil_option(layer: str, field: int, value: tuple[str, int]) -> Callable[[TinyModel], None]:
    return lambda model: model.operators[layer][4].update({field: value})


def spoil_input(layer: str, tensor: int) -> Callable[[TinyModel], None]:
    def spoil(model: TinyModel) -> None:
        model.operators[layer][1] = ints(tensor, *model.operators[layer][1][1:])

    return spoil


def cut(model: TinyModel) -> None:
    del model.model[2][0][3][40:]


OTHERS = {
    "stride 2 for another": (
        spoil_option("blocks.2.dw", 2, ("i", 2)),
        "no stride of 8, 16 or 32",
    ),
    "stride across": (
        spoil_option("blocks.1.dw", 1, ("i", 1)),
        r"blocks.1.dw has the stride \(2, 1\) where \(2, 2\) was expected",
    ),
    "dilation": (spoil_option("blocks.9.dw", 6, ("i", 2)), "blocks.9.dw has the dilation"),
    "padding": (spoil_option("stem", 0, ("b", 1)), "stem has the padding 1"),
    "no ReLU6": (spoil_option("blocks.3.dw", 4, ("b", 1)), "blocks.3.dw has the activation 1"),
    "ReLU6": (spoil_option("blocks.3.project", 3, ("b", 3)), "blocks.3.project has the activ"),
    "no sum": (spoil_input("blocks.5.add", 0), "blocks.5 does not add what it took"),
    "a clipped sum": (spoil_option("blocks.5.add", 0, ("b", 1)), "blocks.5 does not add"),
    "another order": (spoil_input("blocks.7.dw", 0), "blocks.7.dw takes what another layer gives"),
    "maps": (
        lambda model: model.tensors["stem"][0].update({0: ints(40, 3, 3, 3)}),
        r"stem has the shape|blocks.0.dw has the shape",
    ),
    "far too many maps": (
        lambda model: model.tensors["stem"][0].update({0: ints(2**30, 3, 3, 3)}),
        "its first convolution makes 1073741824 maps",
    ),
    "a part": (cut, r"it has \d+ convolutions where 51 were expected"),
}


@pytest.mark.parametrize("what", list(OTHERS))
def test_other_networks_are_refused(refused, what):
    spoil, reason = OTHERS[what]
    model = tiny()
    spoil(model)
    sentence = refused(model.bytes())
    assert sentence.endswith("such as a published one of spectrack weights list")
    assert re.search(reason, sentence)


# --- files made to harm ---


def scale_of(model: TinyModel, **changes: object) -> None:
    """Change how the weight of ``blocks.3.dw`` is quantised."""
    fields = {"scale": 2, "zero": 3, "axis": 6}
    table = model.tensors["blocks.3.dw"][0][4]
    table.update({fields[name]: value for name, value in changes.items()})


def first_scale(model: TinyModel, value: float) -> None:
    model.tensors["blocks.3.dw"][0][4][2][0] = value


def not_finite(model: TinyModel) -> None:
    weight = np.full(27 * 2, np.nan, "<f4")
    model.model[4][model.tensors["stem"][0][2][1]][0] = np.frombuffer(weight.tobytes(), np.uint8)


SPOILT: dict[str, tuple[str, Callable[[TinyModel], object], str]] = {
    "another version": ("float32", lambda m: m.model.update({0: ("I", 2)}), "version 2 where 3"),
    "no network": ("float32", lambda m: m.model[2].clear(), "holds 0 networks"),
    "two networks": ("float32", lambda m: m.model[2].append(m.model[2][0]), "holds 2 networks"),
    "no codes": ("float32", lambda m: m.model[1].clear(), "entry 0 is asked for in a list of 0"),
    "no buffers": ("float32", lambda m: m.model.pop(4), r"entry \d+ is asked for in a list of 0"),
    "too many operators": (
        "float32",
        lambda m: m.model[2][0].update({3: [m.operators["stem"]] * 20_001}),
        "a list has 20001 entries where 20000 are the most",
    ),
    "a tensor that is not there": (
        "float32",
        lambda m: m.operators["stem"].update({1: ints(0, -1, 2)}),
        "entry -1 is asked for",
    ),
    "nothing comes out": ("int8", lambda m: m.operators["stem"].pop(2), "gives nothing"),
    "no bias": (
        "float32",
        lambda m: m.operators["stem"].update({1: m.operators["stem"][1][:2]}),
        "lacks its weight or bias",
    ),
    "no options": ("float32", lambda m: m.operators["stem"].pop(4), "does not say how it strides"),
    "options of another": (
        "float32",
        lambda m: m.operators["stem"].update({3: ("B", 2)}),
        "does not say how it strides",
    ),
    "no shape": ("float32", lambda m: m.tensors["stem"][0].pop(0), r"has the shape \(\)"),
    "five axes": (
        "float32",
        lambda m: m.tensors["stem"][0].update({0: ints(2, 3, 3, 3, 1)}),
        r"has the shape \(2, 3, 3, 3, 1\)",
    ),
    "a negative shape": (
        "float32",
        lambda m: m.tensors["stem"][0].update({0: ints(2, -3, 3, -3)}),
        r"has the shape \(2, -3, 3, -3\)",
    ),
    "several depthwise": (
        "float32",
        lambda m: m.tensors["blocks.3.dw"][0].update({0: ints(2, 3, 3, 6)}),
        r"has the shape \(2, 3, 3, 6\)",
    ),
    "an unknown kind": (
        "float32",
        lambda m: m.tensors["stem"][0].update({1: ("b", 17)}),
        "kind 17",
    ),
    "fewer bytes": (
        "float32",
        lambda m: m.tensors["stem"][0].update({1: ("b", 9)}),
        r"of the shape \(2, 3, 3, 3\) has 216 bytes",
    ),
    "not finite": ("float32", not_finite, "numbers that are not finite"),
    "a bias of another size": (
        "float32",
        lambda m: m.operators["stem"].update({1: ints(0, 1, *m.operators["blocks.9.dw"][1][2:])}),
        "a bias of 24 goes with a weight of 2 maps",
    ),
    "no scale": ("int8", lambda m: m.tensors["stem"][0].pop(4), "of integers has no scale"),
    "no scales": ("int8", lambda m: scale_of(m, scale=ints()), "0 scales were given for"),
    "few scales": (
        "int8",
        lambda m: scale_of(m, scale=np.ones(2, "<f4")),
        "2 scales were given for",
    ),
    "few zero points": ("int8", lambda m: scale_of(m, zero=np.ones(3, "<i8")), "3 zero points"),
    "another axis": ("int8", lambda m: scale_of(m, axis=("i", 0)), "along another axis"),
    "a scale of zero": ("uint8", lambda m: first_scale(m, 0), "not a positive number"),
    "a scale of nothing": ("int8", lambda m: first_scale(m, np.nan), "not a positive number"),
    "a scale too large": ("int8", lambda m: first_scale(m, np.inf), "not a positive number"),
}


@pytest.mark.parametrize("what", list(SPOILT))
def test_damaged_files_are_refused_in_one_sentence(refused, what):
    kind, spoil, reason = SPOILT[what]
    model = tiny(kind)
    spoil(model)
    sentence = refused(model.bytes())
    assert "a.tflite cannot be read as a TensorFlow Lite file (" in sentence
    assert sentence.endswith("; give a whole one")
    assert re.search(reason, sentence)
    assert "\n" not in sentence


def test_cut_off_files_are_refused(refused):
    whole = tiny("uint8").bytes()
    for length in (*range(0, 64, 3), *range(64, len(whole), 997), len(whole) - 4):
        assert "cannot be read" in refused(whole[:length])


def test_what_is_no_such_file_is_refused(refused):
    assert "does not begin as one does" in refused(b"TFL2" * 3)
    assert "does not begin as one does" in refused(b"")
    for root in (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x08\0\0\0"):
        assert "cannot be read" in refused(root + b"TFL3" + b"\xff" * 40)


def test_a_small_file_cannot_ask_for_much_memory(refused):
    """Buffers that many weights share, so that the numbers would be far more than the bytes."""
    model = tiny("uint8", 1 / 4, share=True)
    assert "claims far more numbers than it has" in refused(model.bytes())


def test_large_files_are_not_read(refused, monkeypatch):
    monkeypatch.setattr("spectrack.weights.tflite_backbone.LARGEST", 1000)
    assert re.search(r"has \d+ bytes and 1000 are allowed; give another", refused(tiny().bytes()))


def test_words_that_are_changed_give_numbers_or_a_sentence(tmp_path):
    """Offsets, lengths and numbers of all kinds, whatever they become: no other error, no harm."""
    whole, path, rng = tiny("uint8").bytes(), tmp_path / "a.tflite", np.random.default_rng(0)
    outcomes = set()
    for _ in range(100):
        spoilt = bytearray(whole)
        for place in rng.integers(0, len(whole) // 4, rng.integers(1, 4)):
            word = rng.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, rng.integers(2**32)])
            struct.pack_into("<I", spoilt, 4 * int(place), int(word))
        path.write_bytes(spoilt)
        try:
            tensors = read_weights(path).tensors
        except InputError:
            outcomes.add("sentence")
        else:
            outcomes.add("numbers")
            assert all(bool(tensor.isfinite().all()) for tensor in tensors.values())
    assert outcomes == {"sentence", "numbers"}
