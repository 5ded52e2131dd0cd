"""The table of weights: what is known of each by name; nothing is guessed.

Where no source is known, none stands here: ``spectrack weights pull NAME --from FILE`` takes a
checkpoint from anywhere.
"""

from __future__ import annotations

from spectrack.weights.entry import WeightsEntry
from spectrack.weights.matching import Differences, Shapes, compare
from spectrack.weights.published import PUBLISHED
from spectrack.weights.published_backbones import BACKBONES

__all__ = ["WEIGHTS", "WeightsEntry", "fits"]

WEIGHTS: dict[str, WeightsEntry] = {
    "sftrack": WeightsEntry(
        description="SFTrack++: masks from hypotheses, their mixing, boxes from masks",
        file="sftrack.safetensors",
        paper="Burceanu, SFTrack++: A Fast Learnable Spectral Segmentation Approach, 2020",
        licence="research use, see assets/README.md: ECSSD and DUTS, DAVIS is CC BY-NC 4.0",
        networks={
            "feat2seg": "spectrack.trackers.sftrack.feat2seg:Feat2Seg",
            "seg2box": "spectrack.trackers.sftrack.seg2box:Seg2Box",
        },
        asset="sftrack.safetensors",
    ),
    "mask_in_box": WeightsEntry(
        description="masks of things in boxes, with a memory: of sftrack, nanomask and segment",
        file="mask_in_box.safetensors",
        paper="spectrack; MobileNetV2 (Sandler et al., CVPR 2018), memory as in STM (ICCV 2019)",
        licence="research use, see assets/README.md: ECSSD and DUTS, DAVIS is CC BY-NC 4.0",
        networks={"": "spectrack.networks.mask_in_box:MaskInBox"},
        asset="mask_in_box.safetensors",
    ),
    "mask_in_box_permissive": WeightsEntry(
        description="the same, learned from data of permissive terms alone: sftrack-permissive",
        file="mask_in_box_permissive.safetensors",
        paper="spectrack; MobileNetV2 (Sandler et al., CVPR 2018), memory as in STM (ICCV 2019)",
        licence="any use, see assets/README.md: CCP is Apache-2.0, FeralCat public domain",
        networks={"": "spectrack.networks.mask_in_box:MaskInBox"},
        asset="mask_in_box_permissive.safetensors",
    ),
    "fear": WeightsEntry(
        description="FEAR-XS, learned on from the published weights: boxes of sftrack",
        file="fear.safetensors",
        paper="Borsuk et al., FEAR, ECCV 2022",
        licence="research use, see assets/README.md: its backbone's start may be CC BY-NC",
        networks={"": "spectrack.trackers.fear.network:fear_xs"},
        asset="fear.safetensors",
    ),
    "nanotrack": WeightsEntry(
        description="NanoTrack v3, learned on from the published weights: boxes of nanomask",
        file="nanotrack.safetensors",
        paper="NanoTrack; Chen et al., SiamBAN, CVPR 2020",
        licence="research use, see assets/README.md; the published weights are Apache-2.0",
        networks={"": "spectrack.trackers.nanotrack.network:NanoTrack"},
        arguments={"version": "v3"},
        asset="nanotrack.safetensors",
    ),
    "nanotrack_permissive": WeightsEntry(
        description="the same, learned on from data of permissive terms alone: sftrack-permissive",
        file="nanotrack_permissive.safetensors",
        paper="NanoTrack; Chen et al., SiamBAN, CVPR 2020",
        licence="any use, see assets/README.md; the published weights are Apache-2.0",
        networks={"": "spectrack.trackers.nanotrack.network:NanoTrack"},
        arguments={"version": "v3"},
        asset="nanotrack_permissive.safetensors",
    ),
    "dimp_small": WeightsEntry(
        description="DiMP, small, as `spectrack train dimp --small` makes it",
        file="dimp.safetensors",
        paper="Bhat et al., DiMP, ICCV 2019; Danelljan et al., PrDiMP, CVPR 2020",
        licence="of the data that it learned from, see the file",
        networks={"": "spectrack.trackers.dimp.network:small_dimp"},
        recipe="spectrack train dimp --small --data DATA --out RUN",
    ),
    "pixelwise": WeightsEntry(
        description="pixel-wise tracking, the small form: where to look, and what is the target",
        file="pixelwise.safetensors",
        paper="Song, Li and Wang, Pixel-wise Object Tracking, 2017",
        licence="those of what it is learned from; no weights of this paper were published",
        networks={"": "spectrack.trackers.pixelwise.network:small_pixelwise"},
        recipe="spectrack train pixelwise --data DATA --out RUN",
    ),
    **PUBLISHED,
    **BACKBONES,
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


def exact_fit(given: Shapes, module: str) -> str | None:
    """The first row that tensors fit, of those whose network a module of ours builds.

    It needs no other network to be made, which for all of the table takes seconds.

    Args:
        given: Name to shape.
        module: Name of the module, ``package.module``.
    """
    for name, entry in WEIGHTS.items():
        builders = {target.partition(":")[0] for target in entry.networks.values()}
        expected = entry.shapes() if builders == {module} else None
        if expected is not None and not len(compare(expected, given)):
            return name
    return None
