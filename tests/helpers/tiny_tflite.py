"""TensorFlow Lite files made on the spot: FlatBuffers, and MobileNetV2 of any width in them.

A table is a :class:`Rows`, a dict from the number of a field to what it holds: a number with its
form of :mod:`struct`, an array, another table or a list of tables.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import torch

from spectrack.networks.mobilenet_v2 import MobileNetV2, SameConv

THIN = 1 / 16


class Rows(dict[int, Any]):
    """The fields of one table."""


def write(root: Rows, identifier: bytes = b"TFL3") -> bytes:
    """A FlatBuffer whose first table is ``root``; what a list holds twice is written once."""
    out = bytearray(4) + identifier
    written: dict[int, int] = {}
    held: list[Any] = []  # keeps what was written, so that no address is used again
    struct.pack_into("<I", out, 0, _put(out, root, written, held))
    return bytes(out)


def _put(out: bytearray, node: Any, written: dict[int, int], held: list[Any]) -> int:
    """Append a table, array or list of tables; where it begins."""
    held.append(node)
    out += bytes(-len(out) % 4)
    children: list[tuple[int, Any]] = []
    if isinstance(node, Rows):
        entries = max(node, default=-1) + 1
        vtable = len(out)
        out += struct.pack("<HH", 4 + 2 * entries, 4 + 4 * len(node)) + bytes(2 * entries)
        out += bytes(-len(out) % 4)
        start = len(out)
        out += struct.pack("<i", start - vtable) + bytes(4 * len(node))
        for place, (field, value) in enumerate(node.items(), 1):
            struct.pack_into("<H", out, vtable + 4 + 2 * field, 4 * place)
            if isinstance(value, tuple):
                struct.pack_into("<" + value[0], out, start + 4 * place, value[1])
            else:
                children.append((start + 4 * place, value))
    else:
        start = len(out)
        out += struct.pack("<I", len(node))
        if isinstance(node, np.ndarray):
            out += node.tobytes()
        else:
            children = [(start + 4 + 4 * place, table) for place, table in enumerate(node)]
            out += bytes(4 * len(node))
    written[id(node)] = start
    for place, child in children:
        there = written.get(id(child), 0)  # distances lead forward alone
        at = there if there > place else _put(out, child, written, held)
        struct.pack_into("<I", out, place, at - place)
    return start


def ints(*values: int) -> np.ndarray:
    """A vector of the schema's numbers."""
    return np.array(values, dtype="<i4")


class TinyModel:
    """A file of MobileNetV2 under way; change ``model`` before :meth:`bytes` to spoil it.

    Args:
        network: Whose weights it holds; in 8 bits, numbers near them.
        kind: ``"float32"``, ``"int8"`` (a scale a channel) or ``"uint8"`` (a scale and a zero).
        share: Weights of one size have one buffer.

    Attributes:
        real: Name to the numbers that the file stands for, found one by one.
        operators: Name of a layer, or ``blocks.N.add``, to its table.
        tensors: Name of a layer to the tables of its weight and its bias.
        model: The whole.
    """

    def __init__(self, network: MobileNetV2, kind: str = "float32", share: bool = False) -> None:
        self.kind, self.share = kind, share
        self.rng = np.random.default_rng(0)
        self.real: dict[str, np.ndarray] = {}
        self.operators: dict[str, Rows] = {}
        self.tensors: dict[str, tuple[Rows, Rows]] = {}
        self._buffers, self._all = [Rows()], [Rows({0: ints(1, 8, 8, 3), 2: ("I", 0)})]
        current = self._convolution("stem", network.stem, 0)
        for number, block in enumerate(network.blocks):
            entered = current
            for part in ("expand", "dw", "project"):
                module = getattr(block, part)
                if module is not None:
                    current = self._convolution(f"blocks.{number}.{part}", module, current)
            if block.adds:
                options = Rows({0: ("b", 0)})
                current = self._operator(
                    f"blocks.{number}.add", 2, ints(current, entered), 11, options
                )
        # What comes after the backbone, and is none of its business.
        self._operator("after", 0, ints(current, current), 11, Rows())
        graph = Rows({0: self._all, 1: ints(0), 3: list(self.operators.values())})
        # The numbers of operators as old writers gave them, and as new ones do.
        codes = [Rows({0: ("b", 3)}), Rows({0: ("b", 4), 3: ("i", 4)}), Rows({3: ("i", 0)})]
        self.model = Rows({0: ("I", 3), 1: codes, 2: [graph], 4: self._buffers})

    def bytes(self) -> bytes:
        """The file."""
        return write(self.model)

    def _operator(self, name: str, code: int, inputs: np.ndarray, union: int, options: Rows) -> int:
        self._all.append(Rows({0: ints(1, 1, 1, 1), 2: ("I", 0)}))
        output = len(self._all) - 1
        self.operators[name] = Rows(
            {0: ("I", code), 1: inputs, 2: ints(output), 3: ("B", union), 4: options}
        )
        return output

    def _convolution(self, name: str, module: SameConv, given: int) -> int:
        depthwise = module.groups > 1
        weight, bias = (p.detach().numpy().astype("<f4") for p in (module.weight, module.bias))
        axes = (1, 2, 3, 0) if depthwise else (0, 2, 3, 1)
        weight = weight.transpose(axes)
        back, axis = ((3, 0, 1, 2), 3) if depthwise else ((0, 3, 1, 2), 0)
        if self.kind == "float32":
            held, real = self._tensor(weight, 0), weight
            held_bias, real_bias = self._tensor(bias, 0), bias
        else:
            count = weight.shape[axis] if self.kind == "int8" else 1
            scale = self.rng.uniform(0.01, 0.02, count).astype("<f4")
            zero = 0 if self.kind == "int8" else 140
            low, code = (-128, 9) if self.kind == "int8" else (0, 3)
            along = [1] * 4
            along[axis] = count
            q = np.clip(np.rint(weight / scale.reshape(along)) + zero, low, low + 255)
            q = q.astype("i1" if self.kind == "int8" else "u1")
            zeros = np.full(count, zero, "<i8")
            held = self._tensor(q, code, Rows({2: scale, 3: zeros, 6: ("i", axis)}))
            real = np.empty(q.shape, np.float32)
            for place in np.ndindex(*q.shape):
                factor = float(scale[place[axis] if count > 1 else 0])
                real[place] = np.float32((int(q[place]) - zero) * factor)
            fine = (scale * np.float32(0.0078125)).astype("<f4")
            counts = np.rint(bias / fine).astype("<i4")
            held_bias = self._tensor(counts, 2, Rows({2: fine}))
            spread = np.broadcast_to(fine, counts.shape)
            real_bias = np.array(
                [np.float32(int(c) * float(f)) for c, f in zip(counts, spread, strict=True)]
            )
        self.real[f"{name}.weight"], self.real[f"{name}.bias"] = real.transpose(back), real_bias
        self.tensors[name] = (self._all[held], self._all[held_bias])
        options: dict[int, Any] = {0: ("b", 0), 1: ("i", module.stride[1])}
        options[2] = ("i", module.stride[0])
        first = 4 if depthwise else 3
        if depthwise:
            options[3] = ("i", 1)
        options[first] = ("b", 0 if name.endswith("project") else 3)
        if module.dilation != (1, 1):  # 1 is what the schema says where it is left out
            options |= {first + 1: ("i", module.dilation[1]), first + 2: ("i", module.dilation[0])}
        inputs, union = ints(given, held, held_bias), 2 if depthwise else 1
        return self._operator(name, int(depthwise), inputs, union, Rows(options))

    def _tensor(self, values: np.ndarray, code: int, quantised: Rows | None = None) -> int:
        """The number of a new tensor that holds values."""
        data = np.frombuffer(values.tobytes(), np.uint8)
        same = (n for n, b in enumerate(self._buffers) if b and b[0].size == data.size)
        buffer = next(same, None) if self.share else None
        if buffer is None:
            self._buffers.append(Rows({0: data}))
            buffer = len(self._buffers) - 1
        fields = {0: ints(*values.shape), 1: ("b", code), 2: ("I", buffer)}
        self._all.append(Rows(fields | ({4: quantised} if quantised is not None else {})))
        return len(self._all) - 1


def tiny(kind: str = "float32", width: float = THIN, stride: int = 32, **more: bool) -> TinyModel:
    """A small model with random numbers."""
    torch.manual_seed(0)
    return TinyModel(MobileNetV2(width, stride), kind, **more)
