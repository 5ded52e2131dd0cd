"""What recipes learn from, and what they hold out of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from spectrack.datasets.base import VideoSequence
from spectrack.datasets.synthetic.stills import PERMISSIVE, Still, Stills
from spectrack.errors import InputError
from spectrack.trackers.nanomask.train_flags import MaskInBoxArguments
from spectrack.trackers.nanotrack.train_flags import NanoTrackArguments
from spectrack.trackers.sftrack.train_flags import SFTrackArguments
from spectrack.training.davis_flags import CLIPS, StillsArguments
from tiny_training import write_image

RECIPES = (NanoTrackArguments, MaskInBoxArguments, SFTrackArguments)


def put_stills(root: Path, each: int) -> None:
    """Stills of both permissive sources."""
    rng = np.random.default_rng(0)
    for source in PERMISSIVE:
        for number in range(each):
            mask = np.zeros((24, 32), bool)
            mask[6:18, 8:24] = True
            image = rng.integers(0, 255, (24, 32, 3)).astype(np.uint8)
            write_image(root / "stills" / source / "images" / f"{number}.png", image)
            write_image(root / "stills" / source / "masks" / f"{number}.png", mask)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """Which stills were read: source and stem."""
    made: set[tuple[str, str]] = set()
    plain = Stills.__getitem__

    def told(self: Stills, index: int) -> Still:
        still = plain(self, index)
        made.add((still.source, still.stem))
        return still

    monkeypatch.setattr(Stills, "__getitem__", told)
    return made


def shown(videos: Iterable[VideoSequence], read: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Stills that clips are made of: objects, bystanders and backgrounds."""
    read.clear()
    for video in videos:
        video.truth_mask(0)
    return set(read)


@pytest.mark.parametrize("recipe", RECIPES)
def test_permissive_clips_that_are_held_out_show_no_still_that_is_learned_from(
    tmp_path: Path, read: set[tuple[str, str]], recipe: type[StillsArguments]
) -> None:
    put_stills(tmp_path, each=9)
    made = recipe(data=tmp_path, out=tmp_path / "out", permissive=True).footage()
    apart = shown(made.held_out, read)
    learned = shown(made.learned, read) | {(one.source, one.stem) for one in made.stills}
    assert apart
    assert not apart & learned
    assert len(learned) == 15  # of 18, every sixth held out
    names = {video.name for video in (*made.learned, *made.held_out)}
    assert len(names) == len(made.learned) + len(made.held_out) == CLIPS


def test_a_split_of_too_few_permissive_stills_is_refused(tmp_path: Path) -> None:
    put_stills(tmp_path, each=2)
    recipe = NanoTrackArguments(data=tmp_path, out=tmp_path, permissive=True)
    with pytest.raises(InputError, match=r"4 stills of permissive terms were given.*six or more"):
        recipe.footage()


def test_the_last_three_videos_are_held_out_of_sftrack_but_never_all(tmp_path: Path) -> None:
    recipe = SFTrackArguments(data=tmp_path, out=tmp_path)
    assert recipe.split("abcde") == (["a", "b"], ["c", "d", "e"])
    assert recipe.split("ab") == (["a"], ["b"])


def test_some_stills_are_those_of_the_numbers_given(tmp_path: Path) -> None:
    put_stills(tmp_path, each=3)
    every = Stills(tmp_path / "stills", PERMISSIVE)
    some = every.part([4, 1])
    assert [(one.source, one.stem) for one in some] == [("feralcat", "1"), ("ccp", "1")]
    assert len(every) == 6
