"""The table of weights: what is known of each by name; nothing is guessed.

Where no source is known, none stands here: ``spectrack weights pull NAME --from FILE`` takes a
checkpoint from anywhere.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import nn

from spectrack.weights.matching import Differences, Shapes, compare, shapes_of

GPL_CODE = "unknown for the weights; the authors' code, which they come with, is GPL-3"


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
        sources: URLs, tried in order; empty where none is known.
        sha256: Of the published file; None where not known.
        size_bytes: Of the published file; None where not known.
        asset: File in the package, for weights that come with it.
    """

    description: str
    file: str
    paper: str
    licence: str
    networks: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    sha256: str | None = None
    size_bytes: int | None = None
    asset: str | None = None

    def build(self) -> nn.Module | None:
        """The network these are for, with numbers of its own; None where there is none yet."""
        made = {p: build_network(target, **self.arguments) for p, target in self.networks.items()}
        if not made:
            return None
        return made[""] if "" in made else nn.ModuleDict(made)

    def shapes(self) -> dict[str, tuple[int, ...]] | None:
        """Name to shape of every tensor the network has; None where there is no network yet."""
        return self._shapes

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]] | None:
        with torch.device("meta"):  # no memory behind the tensors
            network = self.build()
        return None if network is None else shapes_of(network.state_dict())

    def shipped(self) -> Path | None:
        """The file in the package; None for weights that do not come with it."""
        return Path(str(files("spectrack") / "assets" / self.asset)) if self.asset else None


def build_network(target: str, *arguments: Any, **named: Any) -> nn.Module:
    """Call what an import string ``module:function`` names; it gives a network."""
    module, name = target.split(":")
    network: nn.Module = getattr(importlib.import_module(module), name)(*arguments, **named)
    return network


def _published(
    file: str, description: str, paper: str, network: str | None = None, **arguments: Any
) -> WeightsEntry:
    return WeightsEntry(
        description=description,
        file=file,
        paper=paper,
        licence=GPL_CODE,
        networks={"": network} if network else {},
        arguments=arguments,
    )


RTS = "Paul et al., Robust Visual Tracking by Segmentation, ECCV 2022"
STA = (
    "Zhao et al., Generating Masks from Boxes by Mining Spatio-Temporal Consistencies in Videos, "
    "ICCV 2021"
)
LWL = "Bhat et al., Learning What to Learn for Video Object Segmentation, ECCV 2020"
DIMP = "Bhat et al., Learning Discriminative Model Prediction for Tracking, ICCV 2019"
PRDIMP = "Danelljan et al., Probabilistic Regression for Visual Tracking, CVPR 2020"
ATOM = "Danelljan et al., ATOM: Accurate Tracking by Overlap Maximization, CVPR 2019"
KYS = "Bhat et al., Know Your Surroundings: Exploiting Scene Information for Tracking, ECCV 2020"
SFTRACK = "Burceanu, SFTrack++: A Fast Learnable Spectral Segmentation Approach, 2020"

WEIGHTS: dict[str, WeightsEntry] = {
    "sftrack": WeightsEntry(
        description="SFTrack++: masks from hypotheses, their mixing, boxes from masks",
        file="sftrack.safetensors",
        paper=SFTRACK,
        licence="research use, see assets/README.md: ECSSD and DUTS, DAVIS is CC BY-NC 4.0",
        networks={
            "feat2seg": "spectrack.trackers.sftrack.feat2seg:Feat2Seg",
            "seg2box": "spectrack.trackers.sftrack.seg2box:Seg2Box",
        },
        asset="sftrack.safetensors",
    ),
    "rts50": _published(
        "rts50.pth", "RTS with ResNet-50", RTS, network="spectrack.trackers.rts.network:rts50"
    ),
    "sta": _published(
        "sta.pth.tar",
        "STA: the mask in a box, for the first frame",
        STA,
        network="spectrack.networks.sta:sta",
    ),
    "lwl_stage2": _published(
        "lwl_stage2.pth",
        "LWL, started by a mask",
        LWL,
        network="spectrack.trackers.lwl.network:lwl",
    ),
    "lwl_boxinit": _published(
        "lwl_boxinit.pth",
        "LWL, started by a box",
        LWL,
        network="spectrack.trackers.lwl.network:lwl",
        box_start=True,
    ),
    "dimp18": _published("dimp18.pth", "DiMP with ResNet-18", DIMP),
    "dimp50": _published("dimp50.pth", "DiMP with ResNet-50", DIMP),
    "prdimp18": _published("prdimp18.pth.tar", "PrDiMP with ResNet-18", PRDIMP),
    "prdimp50": _published("prdimp50.pth.tar", "PrDiMP with ResNet-50", PRDIMP),
    "super_dimp": _published("super_dimp.pth.tar", "SuperDiMP with ResNet-50", PRDIMP),
    "atom_default": _published("atom_default.pth", "ATOM with ResNet-18", ATOM),
    "kys": _published("kys.pth", "KYS with ResNet-50", KYS),
}


def fits(given: Shapes) -> list[tuple[str, Differences]]:
    """How tensors fit every network of the table, the best first.

    Returns:
        Name and differences; weights without a network yet are left out.
    """
    found = []
    for name, entry in WEIGHTS.items():
        expected = entry.shapes()
        if expected is not None:
            found.append((name, compare(expected, given)))
    return sorted(found, key=lambda pair: len(pair[1]))
