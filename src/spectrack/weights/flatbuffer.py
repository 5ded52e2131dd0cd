"""FlatBuffers, read with every offset checked: tables, numbers and vectors of a file in memory.

The format (flatbuffers.dev, "FlatBuffer Internals"): little-endian; a table begins with the signed
distance back to its vtable, which tells where each field lies or that it is left out; what has no
fixed size is reached by an unsigned distance forward, and a vector begins with its length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


class DamagedError(ValueError):
    """A file that is cut off, or whose offsets lead out of it; the text is a clause for people."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a file; fields are numbered as in its schema, from 0.

    Attributes:
        data: The whole file.
        position: Where the table begins.
    """

    data: bytes
    position: int

    @classmethod
    def root(cls, data: bytes) -> Table:
        """The table that a file begins with.

        Raises:
            DamagedError: If it leads out of the file.
        """
        return cls(data, _forward(data, 0))

    def integer(self, field: int, form: str, default: int = 0) -> int:
        """A field that is one number.

        Args:
            field: Which.
            form: Of :mod:`struct`: ``b``, ``B``, ``i``, ``I``.
            default: What it is where it is left out.
        """
        at = self._field(field)
        return default if at is None else _number(self.data, at, form)

    def table(self, field: int) -> Table | None:
        """A field that is a table; None where it is left out."""
        at = self._field(field)
        return None if at is None else Table(self.data, _forward(self.data, at))

    def tables(self, field: int, most: int) -> Tables:
        """A field that is a vector of tables; each is read when it is asked for.

        Args:
            field: Which.
            most: How many there may be.

        Raises:
            DamagedError: If it does not lie within the file, or has more.
        """
        start, length = self._vector(field, 4, most)
        return Tables(self.data, start, length)

    def numbers(self, field: int, dtype: str, most: int) -> np.ndarray:
        """A field that is a vector of numbers; empty where it is left out. It is not copied.

        Args:
            field: Which.
            dtype: Of numpy, little-endian.
            most: How many there may be.

        Raises:
            DamagedError: If it does not lie within the file, or has more.
        """
        start, length = self._vector(field, np.dtype(dtype).itemsize, most)
        return np.frombuffer(self.data, dtype, length, start)

    def _field(self, field: int) -> int | None:
        """Where a field lies; None where it is left out."""
        vtable = self.position - _number(self.data, self.position, "i")
        size = _number(self.data, vtable, "H")
        entry = 4 + 2 * field
        if entry + 2 > size:
            return None
        distance = _number(self.data, vtable + entry, "H")
        return self.position + distance if distance else None

    def _vector(self, field: int, itemsize: int, most: int) -> tuple[int, int]:
        """Where the first item of a vector lies, and how many there are."""
        at = self._field(field)
        if at is None:
            return 0, 0
        vector = _forward(self.data, at)
        length = _number(self.data, vector, "I")
        if length > most:
            raise DamagedError(f"a list has {length} entries where {most} are the most")
        if vector + 4 + length * itemsize > len(self.data):
            raise DamagedError("a list ends behind the end of the file")
        return vector + 4, length


@dataclass(frozen=True, slots=True)
class Tables:
    """A vector of tables.

    Attributes:
        data: The whole file.
        start: Where the distance to the first table lies.
        length: How many there are.
    """

    data: bytes
    start: int
    length: int

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Table]:
        return (self[index] for index in range(self.length))

    def __getitem__(self, index: int) -> Table:
        """The table of a number.

        Raises:
            DamagedError: If there is none, so that numbers in files need no check.
        """
        if not 0 <= index < self.length:
            raise DamagedError(f"entry {index} is asked for in a list of {self.length}")
        return Table(self.data, _forward(self.data, self.start + 4 * index))


def _number(data: bytes, at: int, form: str) -> int:
    if not 0 <= at <= len(data) - struct.calcsize(form):
        raise DamagedError("an offset leads out of the file")
    number: int = struct.unpack_from("<" + form, data, at)[0]
    return number


def _forward(data: bytes, at: int) -> int:
    """Where the unsigned distance at a place leads to."""
    return at + _number(data, at, "I")
