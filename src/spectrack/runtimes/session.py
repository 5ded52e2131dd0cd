"""ONNX files run by ONNX Runtime: torch tensors in and out, on the CPU, nothing else touched.

A file is read whole, bounded in size, and walked through by our own reader of protocol buffers
before the runtime sees it. A file that points to other files (``external_data``) is refused, and
the runtime is given bytes, never a path: nothing but the file itself is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spectrack.errors import InputError
from spectrack.weights.onnx import LARGEST
from spectrack.weights.protobuf import fields

# Field numbers of onnx.proto: which fields hold messages that may hold tensors, by message.
_MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL = (13, 14)
"""Fields of a tensor that point to another file: ``external_data``, and ``data_location`` if 1."""
DEEPEST = 40
"""Messages within messages."""
PROVIDERS = ["CPUExecutionProvider"]


class OnnxGraph:
    """A graph, ready to run; called with tensors in its own order.

    Args:
        content: Of the file, see :func:`open_graph`.
        threads: That work on it; as many as torch has where left out.

    Attributes:
        inputs: Names of what goes in.
        notes: What the file says of itself.
    """

    def __init__(self, content: bytes, threads: int | None = None) -> None:
        require("onnxruntime")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or torch.get_num_threads()
        options.inter_op_num_threads = 1
        # threads that wait do not burn the processor that torch and OpenCV want meanwhile
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3  # errors, which are raised anyway
        try:
            self._session: Any = onnxruntime.InferenceSession(content, options, PROVIDERS)
        except Exception as error:  # the runtime's own kinds have no common base but this
            raise InputError(f"ONNX Runtime cannot use it ({_short(error)})") from error
        self.inputs = tuple(one.name for one in self._session.get_inputs())
        self.notes: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """What it says of tensors, float32 on the CPU.

        Raises:
            InputError: If they do not fit.
        """
        arrays = [one.detach().contiguous().numpy() for one in tensors]
        try:
            found = self._session.run(None, dict(zip(self.inputs, arrays, strict=True)))
        except Exception as error:  # as above
            shapes = ", ".join(str(tuple(one.shape)) for one in tensors)
            raise InputError(
                f"tensors of shapes {shapes} were given to a graph of {', '.join(self.inputs)} "
                f"that does not take them ({_short(error)})"
            ) from error
        return tuple(torch.from_numpy(one) for one in found)


def open_graph(path: Path, threads: int | None = None) -> OnnxGraph:
    """A file's graph, ready to run.

    Args:
        path: A ``.onnx`` file, its weights in itself.
        threads: See :class:`OnnxGraph`.

    Raises:
        InputError: If ONNX Runtime is absent, or the file is too large, damaged, or points to
            other files.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise InputError(f"{path} has {size} bytes and {LARGEST} are allowed; give another")
        content = path.read_bytes()
        outside = any(_points_outside(memoryview(content)))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as ONNX ({error}); give a whole file") from error
    if outside:
        raise InputError(
            f"{path} keeps numbers in other files; give a graph that has all in itself"
        )
    try:
        return OnnxGraph(content, threads)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def require(package: str) -> None:
    """See that a package of the extra is there.

    Raises:
        InputError: If it is not.
    """
    try:
        import_module(package)
    except ImportError as error:
        raise missing(package) from error


def missing(package: str) -> InputError:
    """What to say where a package of the extra is absent."""
    return InputError(
        f"ONNX graphs need the package {package}; install it by: pip install 'spectrack[onnx]'"
    )


def _points_outside(message: memoryview, kind: str = "model", depth: int = 0) -> Iterator[bool]:
    """For every tensor of a message whether its numbers lie in another file."""
    if depth > DEEPEST:
        raise ValueError(f"it is nested more than {DEEPEST} deep")
    inside = _MESSAGES[kind]
    for number, value in fields(message):
        if kind == "tensor" and number in _EXTERNAL:
            yield not isinstance(value, int) or value != 0
        elif number in inside and isinstance(value, memoryview):
            yield from _points_outside(value, inside[number], depth + 1)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
