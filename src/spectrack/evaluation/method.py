"""What runs over a data set, in plain words that reach a worker anywhere: data, tracker, way.

A :class:`Method` is a tracker of the table with its settings and how it is run. Its
:attr:`~Method.fingerprint` changes with all that its answers depend on: the settings in force, the
weights' bytes, the version of the package; results are kept under it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from spectrack import __version__
from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.table import open_dataset
from spectrack.errors import InputError
from spectrack.tracking.base import Tracker
from spectrack.tracking.table import make_tracker, settings_of, tracker_entry, tracker_table
from spectrack.weights.places import place_of
from spectrack.weights.table import WEIGHTS

Mode = Literal["unsupervised", "supervised", "multi-start"]
"""One pass; VOT with restarts after failures; VOT from anchors, forward and backward."""


@dataclass(frozen=True, slots=True)
class Data:
    """A data set by its name, as :func:`~spectrack.datasets.open_dataset` opens it.

    Args:
        name: In the table of data sets.
        root: Its folder, which every machine has at the same place.
        options: Of the data set.
    """

    name: str
    root: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def open(self, names: Iterable[str] | None = None) -> Dataset:
        """Open it, or only these sequences."""
        return open_dataset(self.name, self.root, names, **self.options)

    def sequence(self, name: str) -> VideoSequence:
        """One sequence; others are not looked at."""
        return self.open([name])[name]


@dataclass(frozen=True, slots=True)
class Method:
    """A tracker and how it is run.

    Args:
        tracker: Name in the table of trackers.
        settings: Of the tracker, those that are not left at their defaults.
        from_mask: Give it the true mask it starts from, not only the box.
        clean: Let its masks go through the spectral filter (one pass only).
        mode: How it is run over a sequence.

    Raises:
        InputError: If tracker, settings or mode cannot be used.
    """

    tracker: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    from_mask: bool = False
    clean: bool = True
    mode: Mode = "unsupervised"

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise InputError(f"mode {self.mode!r} is unknown; choose one of {_words(Mode)}")
        settings_of(self.tracker, **self.settings)  # what is wrong is told before work begins

    @contextmanager
    def at_work(self) -> Iterator[Tracker]:
        """A tracker to start: the same one each time, so that a process loads weights once.

        One that is started again knows nothing of before; `init` is the promise. What an error
        has left of it is not used again.
        """
        there = _trackers(self.fingerprint)  # other weights under the same name are others
        if not there:
            there.append(make_tracker(self.tracker, **self.settings))
        try:
            yield there[0]
        except BaseException:
            forget_trackers()
            raise

    @property
    def weights(self) -> dict[str, str]:
        """Weights that it may load and that are on this machine: name to SHA-256 of the file."""
        return dict(sorted(_weights(self.tracker, settings_of(self.tracker, **self.settings))))

    def describe(self) -> dict[str, Any]:
        """All that its answers depend on, for the folder that keeps them."""
        return {
            "tracker": self.tracker,
            "settings": dict(self.settings),
            "from_mask": self.from_mask,
            "clean": self.clean,
            "mode": self.mode,
            "spectrack": __version__,
            "weights": self.weights,
        }

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 of the description and the settings in force."""
        settings = settings_of(self.tracker, **self.settings)
        whole = {**self.describe(), "in force": dataclasses.asdict(settings)}
        text = json.dumps(whole, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def folder(self, work: str | Path) -> Path:
        """Where its results are kept among those of others: ``WORK/TRACKER-FINGERPRINT``."""
        return Path(work) / f"{self.tracker}-{self.fingerprint}"


@lru_cache(maxsize=1)
def _trackers(fingerprint: str) -> list[Tracker]:
    """That of the last method that this process has run, to be used again; none at first."""
    return []


def forget_trackers() -> None:
    """Make a new tracker the next time."""
    _trackers.cache_clear()


def _weights(tracker: str, settings: Any) -> Iterable[tuple[str, str]]:
    """Name and hash of what a tracker loads by default, and of what its settings name."""
    for name in tracker_entry(tracker).weights:
        yield from _hashed(name)
    for value in dataclasses.asdict(settings).values():
        for word in _words_of(value):
            yield from _hashed(word)
            for name in tracker_table()[word].weights if word in tracker_table() else ():
                yield from _hashed(name)


def _words_of(value: Any) -> list[str]:
    """What a setting may name: itself, and the words of a list (``rts:weights=FILE,csrt``)."""
    if isinstance(value, str | Path):
        return [str(value), *re.split(r"[,;:=\s]+", str(value))]
    if isinstance(value, list | tuple):
        return [word for one in value for word in _words_of(one)]
    return []


def _hashed(name: str) -> Iterable[tuple[str, str]]:
    path = place_of(name) if name in WEIGHTS else Path(name)
    if name and path.is_file():
        from spectrack.weights.files import sha256_of  # loads torch

        yield (name if name in WEIGHTS else path.name), sha256_of(path)


def _words(kind: Any) -> str:
    return ", ".join(get_args(kind))
