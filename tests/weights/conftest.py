"""A server of files for the tests of downloads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from file_site import Site, running_site


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """One that no proxy stands before."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("SPECTRACK_OFFLINE", raising=False)
    with running_site() as server:
        yield server
