"""What tests of the training loop share: runs without pictures of their curves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def no_curves() -> Iterator[None]:
    """Drawing the curves after every epoch takes far longer than a tiny run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spectrack.training.loop.run.draw_curves", lambda lines: b"")
        yield
