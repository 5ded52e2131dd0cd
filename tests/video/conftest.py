"""Fixtures of the video tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from video_clips import write_clip


@pytest.fixture(scope="session")
def numbered_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An mp4 of 40 numbered frames with B-frames and several key frames."""
    path = tmp_path_factory.mktemp("clip") / "numbered.mp4"
    return write_clip(path, options={"bf": "3", "g": "12", "crf": "12"})
