"""Data sets: named sequences of frames with truth, and a synthetic scene.

``DATASETS`` maps the names people type to import strings, so that listing them costs nothing.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrack.errors import InputError

if TYPE_CHECKING:
    from spectrack.datasets.base import Dataset

DATASETS: dict[str, str] = {
    "davis2016": "spectrack.datasets.davis:Davis2016",
    "otb": "spectrack.datasets.otb:Otb",
    "vot": "spectrack.datasets.vot:Vot",
}


def open_dataset(name: str, root: str | Path, **options: Any) -> Dataset:
    """Open a data set by its name.

    Args:
        name: A key of ``DATASETS``.
        root: Its folder.
        **options: Passed on, such as ``split`` and ``sequences``.

    Raises:
        InputError: If the name or an option is unknown, or from the data set itself.
    """
    try:
        module, attribute = DATASETS[name].split(":")
    except KeyError:
        known = ", ".join(sorted(DATASETS))
        raise InputError(f"data set {name!r} is unknown; choose one of {known}") from None
    build = getattr(import_module(module), attribute)
    known_options = list(inspect.signature(build).parameters)[1:]
    for option in options:
        if option not in known_options:
            raise InputError(
                f"data set {name} has no option {option!r}; it has {', '.join(known_options)}"
            )
    dataset: Dataset = build(root, **options)
    return dataset


__all__ = ["DATASETS", "open_dataset"]
