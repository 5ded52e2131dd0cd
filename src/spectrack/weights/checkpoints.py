"""Checkpoints of ``torch.save``, zip and older form, read without running anything in them.

Their pickle goes through :func:`spectrack.weights.unpickler.unpickle`. Tensors are views of the
mapped file, checked against the bytes that are there, so what is not used is not read.

``torch.load`` with an unpickler of ours would not do: by what a file looks like it turns to readers
of its own, those of TorchScript and of tars, and it reads zips by another library than the one that
checks them. Of two archives in one file ``zipfile`` sees the second and ``torch.load`` the first.
"""

from __future__ import annotations

import io
import mmap
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spectrack.errors import InputError
from spectrack.weights.stand_ins import GlobalName
from spectrack.weights.unpickler import unpickle

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
LEGACY_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
ZIP_START = b"PK\x03\x04"
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

ReadNumbers = Callable[[str, torch.dtype, int], Tensor]
"""Key, kind and count of a storage to its numbers; refuses what the file does not have."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a file of ``torch.save`` holds.

    Args:
        path: The file.
        content: What was saved: plain containers, numbers, text, stand-ins, and tensors, which
            are views of the file and may share their numbers; nothing is to be written to them.
        form: ``"zip"`` or ``"legacy"``.
    """

    path: Path
    content: Any
    form: str


@dataclass(frozen=True, eq=False)
class _Storage:
    numbers: Tensor


def read_checkpoint(path: Path) -> Checkpoint:
    """Read what ``torch.save`` wrote; nothing in it is imported or called.

    Args:
        path: The file, of either form.

    Raises:
        InputError: If the file is something else, truncated, damaged, or claims more than it has.
    """
    with _refusing(path), path.open("rb") as file:
        if not path.stat().st_size:
            raise ValueError("it is empty")
        # A private copy: torch takes no memory that cannot be written.
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        if mapped[:4] == ZIP_START:
            return Checkpoint(path, _zip(file, mapped), "zip")
        if mapped[: len(LEGACY_START)] == LEGACY_START:
            return Checkpoint(path, _legacy(mapped), "legacy")
        if mapped[257:262] == b"ustar":
            raise ValueError("it is a tar as torch wrote before 0.4; save it anew by torch")
        raise ValueError("it is neither a zip nor the older form")


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turn what goes wrong with a file into a sentence."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); give a file") from error
    except (ValueError, TypeError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} cannot be read as a checkpoint of torch.save ({error}); give a whole one, or "
            "a .safetensors file"
        ) from error


def _zip(file: Any, mapped: mmap.mmap) -> Any:
    """The form since torch 1.6: ``NAME/data.pkl`` and ``NAME/data/KEY``, not compressed."""
    archive = zipfile.ZipFile(file)
    infos = archive.infolist()
    entries = {info.filename: info for info in infos}
    # Entries that overlap or are packed could unfold to far more than the file.
    if len(entries) < len(infos) or sum(info.file_size for info in infos) > len(mapped):
        raise ValueError("its entries claim more than the file has")
    if min((info.header_offset for info in infos), default=0):
        raise ValueError("it holds something before its archive")
    if any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 for info in infos):
        raise ValueError("its entries are packed or locked, which torch does not do")
    if any(".." in name.split("/") or name.startswith("/") for name in entries):
        raise ValueError("its entries have names that lead out of it")
    pickles = [name for name in entries if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1 or f"{pickles[0][:-8]}constants.pkl" in entries:
        raise ValueError("it is a zip of another kind")
    if (damaged := archive.testzip()) is not None:
        raise ValueError(f"the CRC of its entry {damaged} is another")
    root = pickles[0].removesuffix("data.pkl")
    order = entries.get(f"{root}byteorder")
    turned = order is not None and archive.read(order) != sys.byteorder.encode()

    def numbers(key: str, dtype: torch.dtype, count: int) -> Tensor:
        info = entries.get(f"{root}data/{key}")
        if info is None or info.file_size < count * dtype.itemsize:
            raise ValueError("it has fewer numbers than its tensors need")
        # What comes before the bytes: 30 bytes, the name, and what else the writer put there.
        before = struct.unpack_from("<HH", mapped, info.header_offset + 26)
        flat = _numbers(mapped, info.header_offset + 30 + sum(before), dtype, count)
        return _turned(flat) if turned else flat

    return _content(io.BytesIO(archive.read(pickles[0])), numbers)


def _legacy(mapped: mmap.mmap) -> Any:
    """The form before torch 1.6: five pickles one after the other, then the numbers."""
    stream: Any = mapped
    if unpickle(stream) != LEGACY_MAGIC or unpickle(stream) != LEGACY_PROTOCOL:
        raise ValueError("it has another magic number or protocol")
    unpickle(stream)  # the sizes of C types where it was written
    # Where numbers lie is known once all are: the pickle is read for its storages, then again.
    start, storages = mapped.tell(), {}

    def note(key: str, dtype: torch.dtype, count: int) -> Tensor:
        storages[key] = (dtype, count)
        return torch.empty(count, dtype=dtype, device="meta")

    _content(stream, note)
    held: dict[str, Tensor] = {}
    for key in map(str, unpickle(stream)):
        if key not in storages:
            raise ValueError("it has numbers that no tensor speaks of")
        dtype, count = storages[key]
        head, at = mapped.read(8), mapped.tell()
        length = count * dtype.itemsize
        if head != struct.pack("<q", count) or at + length > len(mapped):
            raise ValueError("it is truncated, or has fewer numbers than its tensors need")
        held[key] = _numbers(mapped, at, dtype, count)
        mapped.seek(length, 1)
    if missing := storages.keys() - held.keys():
        raise ValueError(f"it has no numbers for {len(missing)} of its storages")
    mapped.seek(start)
    return _content(stream, lambda key, dtype, count: held[key])


def _numbers(mapped: mmap.mmap, at: int, dtype: torch.dtype, count: int) -> Tensor:
    """Numbers of the file, without reading them; those of bools are read."""
    if not count:
        return torch.empty(0, dtype=dtype)
    if dtype is torch.bool:
        # The bytes of a bool are not taken as they are: torch knows 0 and 1 alone.
        return torch.frombuffer(mapped, dtype=torch.uint8, count=count, offset=at) != 0
    return torch.frombuffer(mapped, dtype=dtype, count=count, offset=at)


def _turned(flat: Tensor) -> Tensor:
    """The same numbers with their bytes in the other order."""
    rows = flat.view(torch.uint8).reshape(-1, flat.itemsize)
    return rows.flip(1).reshape(-1).view(flat.dtype)


def _content(stream: Any, numbers: ReadNumbers) -> Any:
    """What a pickle holds whose tensors lie in ``numbers``."""
    whole: dict[str, _Storage] = {}

    def persistent(given: Any) -> _Storage | GlobalName:
        kind, cls, *rest = given
        if kind == "module" and isinstance(cls, GlobalName):
            return cls
        if kind != "storage" or not isinstance(cls, GlobalName):
            raise ValueError("its pickle refers to something outside it")
        dtype = DTYPES.get(cls.name)
        if dtype is None or cls.module.split(".")[0] != "torch":
            raise ValueError(f"it has numbers of a kind that is not read, {cls}")
        key, _, count, *view = rest
        if type(count) is not int or not 0 <= count < 2**48 or not isinstance(key, str | int):
            raise ValueError("a storage has an impossible name or size")
        if str(key) not in whole:
            whole[str(key)] = _Storage(numbers(str(key), dtype, count))
        flat = whole[str(key)].numbers
        if flat.dtype != dtype or flat.numel() != count:
            raise ValueError("a storage is described in two ways")
        if not view or view[0] is None:
            return whole[str(key)]
        # Before torch 1.0 storages that share memory were written as parts of one.
        _, start, part = view[0]
        if type(start) is not int or type(part) is not int or start < 0 or part < 0:
            raise ValueError("a part of a storage has an impossible size")
        if start + part > count:
            raise ValueError("a part of a storage is larger than the storage")
        return _Storage(flat[start : start + part])

    builders: dict[str, Callable[..., Any]] = {
        "torch._utils._rebuild_tensor": _tensor,
        "torch._utils._rebuild_tensor_v2": _tensor,
        "torch._utils._rebuild_parameter": lambda data, *_: data,
        "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
        "torch.Size": lambda sizes=(): tuple(sizes),
    }
    return unpickle(stream, builders, persistent)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
    """A tensor inside its storage and no larger than it."""
    if not isinstance(storage, _Storage):
        raise ValueError("a tensor lies in what is no storage")
    shape, strides, flat = tuple(shape), tuple(strides), storage.numbers
    if any(type(n) is not int or not 0 <= n < 2**48 for n in (offset, *shape, *strides)):
        raise ValueError("a tensor has an impossible shape, stride or offset")
    if len(shape) != len(strides) or len(shape) > MAX_DIMENSIONS:
        raise ValueError("a tensor has an impossible number of axes")
    count = 1
    for n in shape:
        count *= n
    if not count:
        return torch.empty(shape, dtype=flat.dtype)
    span = sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if offset + span >= flat.numel() or count > flat.numel():
        raise ValueError("a tensor is larger than the numbers stored for it")
    return flat.as_strided(shape, strides, flat.storage_offset() + offset)
