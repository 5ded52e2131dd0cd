"""Lines behind checksums: a cut or spoilt line ends the reading, and nothing else is lost."""

from __future__ import annotations

import zlib

import pytest

from spectrack.checked_lines import line, whole_lines

CONTENTS = [{"a": 1}, {"text": "äöü\n"}, {}, {"deep": [1, [2, None, True]]}]


def test_what_is_written_is_read():
    data = b"".join(map(line, CONTENTS))
    found = list(whole_lines(data))
    assert [content for content, _ in found] == CONTENTS
    assert found[-1][1] == len(data)
    assert data.isascii()
    first = data.split(b"\n")[0]
    assert int(first[:8], 16) == zlib.crc32(first[9:])


def test_every_cut_leaves_the_lines_before_it():
    data = b"".join(map(line, CONTENTS))
    ends = [end for _, end in whole_lines(data)]
    for cut in range(len(data)):
        assert len(list(whole_lines(data[:cut]))) == sum(end <= cut for end in ends)


@pytest.mark.parametrize("place", [0, 9, 12])
def test_a_spoilt_line_ends_the_reading(place):
    data = bytearray(b"".join(map(line, CONTENTS)))
    second = len(line(CONTENTS[0]))
    data[second + place] ^= 1
    assert [content for content, _ in whole_lines(bytes(data))] == CONTENTS[:1]
