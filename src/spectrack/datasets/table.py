"""The table of data sets: names, and what builds them; each is loaded when it is used.

Other packages add theirs by an entry point of the group ``spectrack.datasets``, whose name is that
of the data set and whose value is the import string of its class; see
``docs/guides/add_a_dataset.md``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from spectrack.datasets.base import Dataset
from spectrack.errors import InputError
from spectrack.settings import make_settings

GROUP = "spectrack.datasets"
"""Entry points of other packages stand under this name."""


@dataclass(frozen=True, slots=True)
class DatasetEntry:
    """One row of the table of data sets.

    Args:
        target: Import string ``module:Class`` of a :class:`spectrack.datasets.base.Dataset`.
        description: One line for people.
        package: The package that offers it.
    """

    target: str
    description: str
    package: str = "spectrack"

    def load(self) -> type[Dataset]:
        """The data set's class.

        Raises:
            InputError: If it cannot be imported, is no data set, or does not take its options.
        """
        module, _, attribute = self.target.partition(":")
        try:
            cls = getattr(import_module(module), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            raise InputError(
                f"{self.target} of package {self.package} cannot be loaded ({error}); "
                "repair the package or remove it"
            ) from error
        if not (isinstance(cls, type) and issubclass(cls, Dataset)):
            raise InputError(
                f"{self.target} of package {self.package} is not a class of "
                "spectrack.datasets.base.Dataset; an entry point names one"
            )
        if not is_dataclass(cls.Options):
            raise InputError(
                f"Options of {self.target} of package {self.package} are no dataclass; "
                "make them a frozen one"
            )
        taken = inspect.signature(cls).parameters
        lacking = [n for n in ("sequences", *_names(cls.Options)) if n not in taken]
        if lacking:
            raise InputError(
                f"{self.target} of package {self.package} takes no argument "
                f"{', '.join(lacking)}; a data set takes sequences and what its Options hold"
            )
        return cls


BUILT_IN: dict[str, DatasetEntry] = {
    "davis2016": DatasetEntry(
        "spectrack.datasets.davis:Davis2016", "DAVIS-2016: one object a sequence, masks"
    ),
    "otb": DatasetEntry("spectrack.datasets.otb:Otb", "OTB-50 and OTB-100: boxes"),
    "uav123": DatasetEntry(
        "spectrack.datasets.uav123:Uav123", "UAV123, UAV20L and UAV123@10fps: boxes"
    ),
    "nfs": DatasetEntry("spectrack.datasets.nfs:Nfs", "NFS at 30 or 240 frames a second: boxes"),
    "tc128": DatasetEntry("spectrack.datasets.tc128:TempleColor128", "TempleColor-128: boxes"),
    "got10k": DatasetEntry("spectrack.datasets.got10k:Got10k", "GOT-10k: boxes"),
    "trackingnet": DatasetEntry("spectrack.datasets.trackingnet:TrackingNet", "TrackingNet: boxes"),
    "lasot": DatasetEntry("spectrack.datasets.lasot:Lasot", "LaSOT: boxes"),
    "lasot_ext": DatasetEntry(
        "spectrack.datasets.lasot:LasotExtension", "LaSOT's extension: boxes"
    ),
    "vot": DatasetEntry(
        "spectrack.datasets.vot:Vot", "VOT2013 to VOT2022: boxes, rotated rectangles or masks"
    ),
}


class DatasetTable(Mapping[str, DatasetEntry]):
    """The data sets of spectrack and of the packages that are installed beside it.

    Looked up anew each time. A name that two packages offer is listed, but cannot be used.
    """

    def __getitem__(self, name: str) -> DatasetEntry:
        found = [entry for known, entry in offered() if known == name]
        if len(found) > 1:
            packages = " and ".join(entry.package for entry in found)
            raise InputError(
                f"data set {name!r} is offered by {packages}; remove one of these packages"
            )
        if not found:
            raise KeyError(name)
        return found[0]

    def __contains__(self, name: object) -> bool:
        return any(known == name for known, _ in offered())

    def __iter__(self) -> Iterator[str]:
        return iter(dict(offered()))

    def __len__(self) -> int:
        return len(dict(offered()))


def offered() -> Iterator[tuple[str, DatasetEntry]]:
    """Name and entry of every data set, ours first; names may repeat."""
    yield from BUILT_IN.items()
    for point in entry_points(group=GROUP):
        package = "an unknown package" if point.dist is None else point.dist.name
        yield point.name, DatasetEntry(point.value, f"of the package {package}", package)


DATASETS = DatasetTable()


def open_dataset(
    name: str, root: str | Path, sequences: Iterable[str] | None = None, **options: Any
) -> Dataset:
    """Open a data set by its name.

    Args:
        name: A key of ``DATASETS``.
        root: Its folder.
        sequences: Only these, in this order; all where left out.
        **options: Fields of the data set's ``Options``, such as ``split``; words as they stand on
            a command line are turned into the field's type.

    Raises:
        InputError: If the name or an option is unknown or not of its type, two packages offer the
            name, or from the data set itself.
    """
    try:
        entry = DATASETS[name]
    except KeyError:
        known = ", ".join(sorted(DATASETS))
        raise InputError(f"data set {name!r} is unknown; choose one of {known}") from None
    build: Any = entry.load()
    owner = f"data set {name}"
    chosen = make_settings(build.Options, options, owner, "option", besides=["sequences"])
    values = {field: getattr(chosen, field) for field in _names(build.Options)}
    dataset: Dataset = build(root, sequences=sequences, **values)
    return dataset


def _names(options: type[Any]) -> list[str]:
    return [field.name for field in fields(options)]
