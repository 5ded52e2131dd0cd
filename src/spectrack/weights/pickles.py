"""Checkpoints of ``torch.save``, zip and older form, read without running anything in them.

Their pickle goes through :class:`spectrack.weights.machine.Machine`. Tensors come out as
:class:`spectrack.weights.tensor_places.TensorPlace`, checked against the bytes that are there, and
become tensors when asked for.
"""

from __future__ import annotations

import io
import mmap
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spectrack.errors import InputError
from spectrack.weights.machine import Machine
from spectrack.weights.tensor_places import Storages, TensorPlace

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
LEGACY_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
ZIP_START = b"PK\x03\x04"
MAX_PICKLE = 64 * 2**20


@dataclass(eq=False)
class Checkpoint:
    """An open file of ``torch.save``.

    Args:
        path: The file.
        content: What was saved: plain containers, numbers, text, stand-ins, :class:`TensorPlace`.
        form: ``"zip"`` or ``"legacy"``.
    """

    path: Path
    content: Any
    form: str
    _bytes_of: Callable[[str], bytes]
    _big_endian: bool
    _read: dict[str, bytes] = field(default_factory=dict)

    def tensor(self, place: TensorPlace) -> Tensor:
        """Read a tensor into memory of its own.

        Raises:
            InputError: If its bytes are damaged.
        """
        storage, size = place.storage, place.storage.dtype.itemsize
        if storage.key not in self._read:
            with _refusing(self.path):
                self._read[storage.key] = self._bytes_of(storage.key)
        if not place.count:
            return torch.empty(place.shape, dtype=storage.dtype)
        first = (storage.start + place.offset) * size
        last = sum((n - 1) * step for n, step in zip(place.shape, place.strides, strict=True))
        raw = bytearray(self._read[storage.key][first : first + (last + 1) * size])
        if self._big_endian:
            raw = bytearray(np.frombuffer(raw, np.uint8).reshape(-1, size)[:, ::-1].tobytes())
        flat = torch.frombuffer(raw, dtype=torch.uint8)
        # The bytes of a bool are not taken as they are: torch knows 0 and 1 alone.
        flat = flat != 0 if storage.dtype is torch.bool else flat.view(storage.dtype)
        return flat.as_strided(place.shape, place.strides).clone(
            memory_format=torch.contiguous_format
        )


@contextmanager
def open_checkpoint(path: Path) -> Iterator[Checkpoint]:
    """Open what ``torch.save`` wrote; nothing in it is imported or called.

    Args:
        path: The file, of either form.

    Yields:
        The checkpoint; its tensors can be read while it is open.

    Raises:
        InputError: If the file is something else, truncated, damaged, or claims more than it has.
    """
    with ExitStack() as open_files:
        with _refusing(path):
            file = open_files.enter_context(path.open("rb"))
            size = path.stat().st_size
            if not size:
                raise ValueError("it is empty")
            mapped = open_files.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            if mapped[:4] == ZIP_START:
                checkpoint = _zip(path, open_files.enter_context(zipfile.ZipFile(file)), size)
            elif mapped[: len(LEGACY_START)] == LEGACY_START:
                checkpoint = _legacy(path, mapped)
            elif mapped[257:262] == b"ustar":
                raise ValueError("it is a tar as torch wrote before 0.4; save it anew by torch")
            else:
                raise ValueError("it is neither a zip nor the older form")
        yield checkpoint


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


def _zip(path: Path, archive: zipfile.ZipFile, size: int) -> Checkpoint:
    """The form since torch 1.6: ``NAME/data.pkl`` and ``NAME/data/KEY``, not compressed."""
    infos = archive.infolist()
    entries = {info.filename: info for info in infos}
    # Entries that overlap or are packed could unfold to far more than the file.
    if len(entries) < len(infos) or sum(info.file_size for info in infos) > size:
        raise ValueError("its entries claim more than the file has")
    if any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 for info in infos):
        raise ValueError("its entries are packed or locked, which torch does not do")
    if any(".." in name.split("/") or name.startswith("/") for name in entries):
        raise ValueError("its entries have names that lead out of it")
    pickles = [name for name in entries if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1 or f"{pickles[0][:-8]}constants.pkl" in entries:
        raise ValueError("it is a zip of another kind")
    if entries[pickles[0]].file_size > MAX_PICKLE:
        raise ValueError("its pickle is too long")
    root = pickles[0].removesuffix("data.pkl")
    storages = Storages()
    content = storages.run(io.BytesIO(archive.read(pickles[0])))
    for key, storage in storages.seen.items():
        info = entries.get(f"{root}data/{key}")
        if info is None or info.file_size < storage.count * storage.dtype.itemsize:
            raise ValueError("it has fewer numbers than its tensors need")
    order = entries.get(f"{root}byteorder")
    big = order is not None and archive.read(order) == b"big"
    return Checkpoint(path, content, "zip", lambda key: archive.read(f"{root}data/{key}"), big)


def _legacy(path: Path, mapped: Any) -> Checkpoint:
    """The form before torch 1.6: five pickles one after the other, then the numbers."""
    if Machine().run(mapped) != LEGACY_MAGIC or Machine().run(mapped) != LEGACY_PROTOCOL:
        raise ValueError("it has another magic number or protocol")
    Machine().run(mapped)  # the sizes of C types where it was written
    storages = Storages()
    content = storages.run(mapped)
    keys = Machine().run(mapped)
    regions: dict[str, tuple[int, int]] = {}
    for key in map(str, keys):
        storage = storages.seen.get(key)
        if storage is None:
            raise ValueError("it has numbers that no tensor speaks of")
        head = mapped.read(8)
        if len(head) < 8:
            raise ValueError("it is truncated")
        (count,) = struct.unpack("<q", head)
        length = storage.count * storage.dtype.itemsize
        if count != storage.count or mapped.tell() + length > len(mapped):
            raise ValueError("it is truncated, or has fewer numbers than its tensors need")
        regions[key] = (mapped.tell(), length)
        mapped.seek(length, 1)
    if missing := storages.seen.keys() - regions.keys():
        raise ValueError(f"it has no numbers for {len(missing)} of its storages")

    def read(key: str) -> bytes:
        start, length = regions[key]
        return mapped[start : start + length]

    return Checkpoint(path, content, "legacy", read, False)
