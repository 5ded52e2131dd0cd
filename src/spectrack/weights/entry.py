"""A row of the table of weights: what is known of a file, and the network that it is of."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrack.weights.drive import is_folder
from spectrack.weights.matching import shapes_of

if TYPE_CHECKING:  # a table is listed without loading PyTorch
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class WeightsEntry:
    """One row of the table.

    Args:
        description: One line for people.
        file: Name of the published file.
        paper: Where it is from.
        licence: Terms of use, as far as they are known.
        networks: What the weights are for: first part of the names (empty for a network that has
            them all) to the import string ``module:function`` of what builds it; none where there
            is no such network yet.
        arguments: What those builders are given.
        layers: Import string ``module:NAMES`` of the network's layers in the order of the published
            file's, where that calls them otherwise (CoreML).
        sources: URLs, or files and folders of a drive (see :mod:`spectrack.weights.drive`), tried
            in order; empty where none is known.
        sha256: Of the published file, or how it begins; None where not known.
        size_bytes: Of the published file; None where not known.
        asset: File in the package, for weights that come with it.
        figures: What its authors measured with it.
        recipe: Command that learns them, where nobody has published any.
    """

    description: str
    file: str
    paper: str
    licence: str
    networks: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    layers: str | None = None
    sources: tuple[str, ...] = ()
    sha256: str | None = None
    size_bytes: int | None = None
    asset: str | None = None
    figures: str = ""
    recipe: str = ""

    def build(self) -> nn.Module | None:
        """The network these are for, with numbers of its own; None where there is none yet."""
        made = {p: build_network(target, **self.arguments) for p, target in self.networks.items()}
        if not made:
            return None
        if "" in made:
            return made[""]
        from torch import nn

        return nn.ModuleDict(made)

    def shapes(self) -> dict[str, tuple[int, ...]] | None:
        """Name to shape of every tensor the network has; None where there is no network yet."""
        return self._shapes

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]] | None:
        import torch

        with torch.device("meta"):  # no memory behind the tensors
            network = self.build()
        return None if network is None else shapes_of(network.state_dict())

    @property
    def fetchable(self) -> bool:
        """Whether a program can fetch it; folders have to be opened by people."""
        return any(not is_folder(source) for source in self.sources)

    def shipped(self) -> Path | None:
        """The file in the package; None for weights that do not come with it."""
        return Path(str(files("spectrack") / "assets" / self.asset)) if self.asset else None


def build_network(target: str, *arguments: Any, **named: Any) -> nn.Module:
    """Call what an import string ``module:function`` names; it gives a network."""
    module, name = target.split(":")
    network: nn.Module = getattr(importlib.import_module(module), name)(*arguments, **named)
    return network
