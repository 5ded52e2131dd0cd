"""Files that are not to be trusted: nothing but themselves is opened, and all of it is checked."""

from __future__ import annotations

import sys

import pytest

from spectrack.errors import InputError
from spectrack.runtimes import session
from spectrack.runtimes.session import open_graph
from wire import field

OUTSIDE = field(14, 1)  # data_location: EXTERNAL
NAMED = field(13, field(1, b"location") + field(2, b"../secret"))  # external_data


def in_initializer(tensor):
    return field(7, field(5, tensor))


def in_attribute(tensor):
    return field(7, field(1, field(5, field(5, tensor))))


def in_branch(tensor):
    return field(7, field(1, field(5, field(6, field(5, tensor)))))


def in_sparse(tensor):
    return field(7, field(15, field(1, tensor)))


def in_function(tensor):
    return field(25, field(7, field(5, field(10, tensor))))


@pytest.mark.parametrize("tensor", [OUTSIDE, NAMED])
@pytest.mark.parametrize("where", [in_initializer, in_attribute, in_branch, in_sparse, in_function])
def test_numbers_in_other_files_are_refused_wherever_they_are_told(tmp_path, where, tensor):
    file = tmp_path / "a.onnx"
    file.write_bytes(where(tensor))
    with pytest.raises(InputError, match="in other files; give a graph that has all in itself"):
        open_graph(file)


def test_the_runtime_never_sees_what_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "OnnxGraph", lambda *_: pytest.fail("it was opened"))
    file = tmp_path / "a.onnx"
    file.write_bytes(in_initializer(OUTSIDE))
    with pytest.raises(InputError):
        open_graph(file)


def nested(depth):
    """A graph in an attribute of a node of a graph, and so on."""
    message = b""
    for _ in range(depth):
        message = field(1, field(5, field(6, message)))
    return field(7, message)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"\x3a\xff", "cut off"), (b"\x07", "wire type"), (nested(200), "nested more than")],
)
def test_damaged_files_are_told_in_one_sentence(tmp_path, content, told):
    file = tmp_path / "a.onnx"
    file.write_bytes(content)
    with pytest.raises(InputError, match=told):
        open_graph(file)


def test_large_files_and_absent_ones_are_not_read(tmp_path, monkeypatch):
    file = tmp_path / "a.onnx"
    with pytest.raises(InputError, match="cannot be read as ONNX"):
        open_graph(file)
    file.write_bytes(bytes(11))
    monkeypatch.setattr(session, "LARGEST", 10)
    with pytest.raises(InputError, match="has 11 bytes and 10 are allowed"):
        open_graph(file)


def test_without_the_package_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    file = tmp_path / "a.onnx"
    file.write_bytes(field(7, b""))
    with pytest.raises(InputError, match=r"pip install 'spectrack\[onnx\]'"):
        open_graph(file)


def test_what_the_runtime_does_not_take_is_told(tmp_path):
    pytest.importorskip("onnxruntime", reason="the package onnxruntime (extra onnx) is absent")
    file = tmp_path / "a.onnx"
    file.write_bytes(field(7, field(1, field(4, b"NoSuchOperator"))))
    with pytest.raises(InputError, match="ONNX Runtime cannot use it"):
        open_graph(file)
