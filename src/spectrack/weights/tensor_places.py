"""Where tensors lie in a checkpoint, as its pickle says, checked before anything is read."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import torch

from spectrack.weights.machine import Machine
from spectrack.weights.stand_ins import Builder, GlobalName

MAX_DIMENSIONS = 16
DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


@dataclass(frozen=True, eq=False)
class Storage:
    """Numbers of one kind that tensors lie in.

    Args:
        dtype: Kind of number.
        key: Name of its bytes in the file.
        start: First number of the bytes that belongs to it.
        count: How many numbers it has.
    """

    dtype: torch.dtype
    key: str
    start: int
    count: int


@dataclass(frozen=True, eq=False)
class TensorPlace:
    """Where a tensor lies in the file; inside its storage, and no larger than it.

    Args:
        storage: What it lies in.
        offset: First number, from the start of the storage.
        shape: Its size along every axis.
        strides: Steps in numbers along every axis, none negative.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        numbers = (self.offset, *self.shape, *self.strides)
        if any(type(n) is not int or not 0 <= n < 2**48 for n in numbers):
            raise ValueError("a tensor has an impossible shape, stride or offset")
        if len(self.shape) != len(self.strides) or len(self.shape) > MAX_DIMENSIONS:
            raise ValueError("a tensor has an impossible number of axes")
        span = sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        beyond = self.count and self.offset + span >= self.storage.count
        if beyond or self.count > self.storage.count:
            raise ValueError("a tensor is larger than the numbers stored for it")

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """How many bytes it has."""
        return self.count * self.storage.dtype.itemsize


class Storages:
    """The storages a pickle speaks of, and the tensors in them."""

    def __init__(self) -> None:
        self.seen: dict[str, Storage] = {}

    def persistent(self, given: Any) -> Storage | GlobalName:
        """What a persistent id of ``torch.save`` stands for.

        Raises:
            ValueError: If it is none.
        """
        kind, cls, *rest = given
        if kind == "module":
            return cls
        if kind != "storage" or not isinstance(cls, GlobalName):
            raise ValueError("its pickle refers to something outside it")
        dtype = DTYPES.get(cls.name)
        if dtype is None or cls.module.split(".")[0] != "torch":
            raise ValueError(f"it has numbers of a kind that is not read, {cls}")
        key, _, count, *view = rest
        if type(count) is not int or not 0 <= count < 2**48 or not isinstance(key, str | int):
            raise ValueError("a storage has an impossible name or size")
        whole = self.seen.setdefault(str(key), Storage(dtype, str(key), 0, count))
        if whole.dtype != dtype or whole.count != count:
            raise ValueError("a storage is described in two ways")
        if not view or view[0] is None:
            return whole
        _, start, part = view[0]
        if type(start) is not int or type(part) is not int or start < 0 or part < 0:
            raise ValueError("a part of a storage has an impossible size")
        if start + part > count:
            raise ValueError("a part of a storage is larger than the storage")
        return Storage(dtype, str(key), start, part)

    def builders(self) -> dict[str, Builder]:
        """Ours for the functions by which torch describes tensors."""

        def tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> TensorPlace:
            if not isinstance(storage, Storage):
                raise ValueError("a tensor lies in what is no storage")
            return TensorPlace(storage, offset, tuple(shape), tuple(strides))

        def parameter(data: Any, *_: Any) -> Any:
            return data

        return {
            "torch._utils._rebuild_tensor": tensor,
            "torch._utils._rebuild_tensor_v2": tensor,
            "torch._utils._rebuild_parameter": parameter,
            "torch._utils._rebuild_parameter_with_state": parameter,
            "torch.Size": lambda sizes=(): tuple(sizes),
        }

    def run(self, stream: Any) -> Any:
        """Read one pickle with these storages."""
        return Machine(self.builders(), self.persistent).run(stream)
