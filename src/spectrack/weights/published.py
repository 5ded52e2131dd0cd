"""Weights that others have published: where they lie, on what terms, and what they reach.

The facts are from the authors' own pages. Hashes are published for few; of the others the first
pull is recorded, see :mod:`spectrack.weights.records`.
"""

from __future__ import annotations

from typing import Any

from spectrack.weights.entry import WeightsEntry
from spectrack.weights.published_siamese import MIT_CODE, SIAMESE

GPL_CODE = "unknown for the weights; the authors' code, which they come with, is GPL-3"

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
STARK = "Yan et al., Learning Spatio-Temporal Transformer for Visual Tracking, ICCV 2021"
FEAR = "Borsuk et al., FEAR: Fast, Efficient, Accurate and Robust Visual Tracker, ECCV 2022"
D3S = "Lukezic et al., D3S: A Discriminative Single Shot Segmentation Tracker, CVPR 2020"
MDNET = "Nam and Han, Learning Multi-Domain Convolutional Neural Networks for Tracking, CVPR 2016"
NANOTRACK = "NanoTrack of HonglinChu/SiamTrackers; no paper, SiamBAN's head"
RESNET = "He et al., Deep Residual Learning for Image Recognition, CVPR 2016"

RTS_FOLDER = "gfolder:1mOSA6HZ80zDu-6R7EOSiW8YwQMlzR5SQ"
STARK_ST_FOLDER = "gfolder:1fSgll53ZnVKeUn22W37Nijk-b9LGhMdN"
NANOTRACK_FOLDER = (
    "https://raw.githubusercontent.com/HonglinChu/SiamTrackers/"
    "248663fde6bf7c40190cf10ee396d5662919ecd3/NanoTrack/models/pretrained/"
)
FEAR_FILES = (
    "https://raw.githubusercontent.com/PinataFarms/FEARTracker/"
    "0a3bd039918909c79c1b7e55a4bfb7807520abde/evaluate/"
)
FEAR_TERMS = (
    "research use: its backbone began with weights of a project under CC BY-NC 4.0; the repository "
    "itself is MIT"
)
STARK_NETWORK = "spectrack.trackers.stark.network:stark"
LWL_NETWORK = "spectrack.trackers.lwl.network:lwl"
DIMP_NETWORK = "spectrack.trackers.dimp.network:published_dimp"


def _row(
    file: str,
    description: str,
    paper: str,
    source: str,
    figures: str = "",
    licence: str = GPL_CODE,
    network: str | None = None,
    sha256: str | None = None,
    layers: str | None = None,
    **arguments: Any,
) -> WeightsEntry:
    return WeightsEntry(
        description=description,
        file=file,
        paper=paper,
        licence=licence,
        networks={"": network} if network else {},
        arguments=arguments,
        layers=layers,
        sources=(source,),
        sha256=sha256,
        figures=figures,
    )


def _dimp(
    file: str,
    description: str,
    paper: str,
    source: str,
    *figures: str | None,
    network: str | None = None,
    **arguments: Any,
) -> WeightsEntry:
    names = (
        "VOT2018 EAO",
        "OTB100 AUC",
        "NFS",
        "UAV123",
        "LaSOT",
        "TrackingNet",
        "GOT-10k AO",
    )
    told = [f"{n} {f}" for n, f in zip(names, figures, strict=True) if f is not None]
    drive = f"gdrive:{source}"
    return _row(file, description, paper, drive, ", ".join(told), network=network, **arguments)


PUBLISHED: dict[str, WeightsEntry] = {
    "rts50": _row(
        "rts50.pth",
        "RTS with ResNet-50",
        RTS,
        RTS_FOLDER,
        "NFS 65.4, UAV123 67.9, LaSOT 69.7, TrackingNet 81.6; DAVIS-17 J&F 80.2 from a mask, 72.6 "
        "from a box; YouTube-VOS 2019 79.7 / 70.8",
        network="spectrack.trackers.rts.network:rts50",
    ),
    "sta": _row(
        "sta.pth.tar",
        "STA: the mask in a box, for the first frame",
        STA,
        RTS_FOLDER,
        network="spectrack.networks.sta:sta",
    ),
    "lwl_stage2": _row(
        "lwl_stage2.pth",
        "LWL, started by a mask",
        LWL,
        "gdrive:1Xnm4A2BRBliDBKO4EEFHAQfGyfOMsVyY",
        "YouTube-VOS 2018 81.5, 2019 81.0",
        network=LWL_NETWORK,
    ),
    "lwl_boxinit": _row(
        "lwl_boxinit.pth",
        "LWL, started by a box",
        LWL,
        "gdrive:1aAsj_N1LAMpmmcb1iOxo2z66tJM6MEuM",
        "YouTube-VOS 2018 70.4, DAVIS-17 J&F 70.8",
        network=LWL_NETWORK,
        box_start=True,
    ),
    "dimp18": _dimp(
        "dimp18.pth",
        "DiMP with ResNet-18",
        DIMP,
        "1MAjrRJDCbL0DSjUKFyDkUuYS1-cYBNjk",
        *(".402", "66.0", "61.0", "64.3", "53.5", "72.3", "57.9"),
        network=DIMP_NETWORK,
        depth=18,
    ),
    "dimp50": _dimp(
        "dimp50.pth",
        "DiMP with ResNet-50",
        DIMP,
        "1qgachgqks2UGjKx-GdO1qylBDdB1f9KN",
        *(".440", "68.4", "61.9", "65.3", "56.9", "74.0", "61.1"),
        network=DIMP_NETWORK,
        depth=50,
    ),
    "prdimp18": _dimp(
        "prdimp18.pth.tar",
        "PrDiMP with ResNet-18",
        PRDIMP,
        "1ycm3Uu63j-uCkz4qt0SG6rY_k5UFlhVo",
        *(".385", "68.0", "63.3", "65.3", "56.4", "75.0", "61.2"),
        network=DIMP_NETWORK,
        depth=18,
        learner="prdimp",
    ),
    "prdimp50": _dimp(
        "prdimp50.pth.tar",
        "PrDiMP with ResNet-50",
        PRDIMP,
        "1zbQUVXKsGvBEOc-I1NuGU6yTMPth_aI5",
        *(".442", "69.6", "63.5", "68.0", "59.8", "75.8", "63.4"),
        network=DIMP_NETWORK,
        depth=50,
        learner="prdimp",
    ),
    "super_dimp": _dimp(
        "super_dimp.pth.tar",
        "SuperDiMP with ResNet-50",
        PRDIMP,
        "1qDptswis2FxihLRYLVRGDvx6aUoAVVLv",
        *(None, "70.1", "64.8", "67.7", "63.1", "78.1", None),
        network=DIMP_NETWORK,
        depth=50,
        sigma=22 / 24,
    ),
    "super_dimp_simple": _dimp(
        "super_dimp_simple.pth.tar",
        "SuperDiMPSimple with ResNet-50",
        PRDIMP,
        "1lzwdeX9HBefQwznMaX5AKAGda7tqeQtg",
        *(None, "70.5", "64.4", "68.2", "63.5", None, None),
    ),
    "atom_default": _dimp(
        "atom_default.pth",
        "ATOM with ResNet-18",
        ATOM,
        "1VNyr-Ds0khjM0zaq6lU-xfY74-iWxBvU",
        *(".401", "66.3", "58.4", "64.2", "51.5", "70.3", "55.6"),
        network="spectrack.trackers.atom.network:atom18",
    ),
    "kys": _dimp(
        "kys.pth",
        "KYS with ResNet-50",
        KYS,
        "1nJTBxpuBhN0WGSvG7Zm3yBc9JAC6LnEn",
        *(".462", "69.5", "63.4", None, "55.4", "74.0", "63.6"),
        network="spectrack.trackers.kys.network:kys50",
    ),
    **SIAMESE,
    "stark_s50": _row(
        "STARKS_ep0500.pth.tar",
        "STARK-S with ResNet-50",
        STARK,
        "gfolder:1144cEuF_yn9UwTfrSVl5wmaMK3F92q42",
        "LaSOT 65.8, GOT-10k 67.2, TrackingNet 80.3, VOT2020 .462",
        MIT_CODE,
        network=STARK_NETWORK,
        depth=50,
        scores=False,
    ),
    "stark_st50": _row(
        "STARKST_ep0050.pth.tar",
        "STARK-ST with ResNet-50",
        STARK,
        STARK_ST_FOLDER,
        "LaSOT 66.4, GOT-10k 68.0, TrackingNet 81.3, VOT2020 .505",
        MIT_CODE,
        network=STARK_NETWORK,
        depth=50,
        scores=True,
    ),
    "stark_st101": _row(
        "STARKST_ep0050.pth.tar",
        "STARK-ST with ResNet-101",
        STARK,
        STARK_ST_FOLDER,
        "LaSOT 67.1, GOT-10k 68.8, TrackingNet 82.0, VOT2020 .497",
        MIT_CODE,
        network=STARK_NETWORK,
        depth=101,
        scores=True,
    ),
    **{
        name: _row(
            file.rsplit("/", 1)[-1],
            f"FEAR-XS{what}",
            FEAR,
            FEAR_FILES + file,
            licence=FEAR_TERMS,
            network="spectrack.trackers.fear.network:fear_xs",
            layers="spectrack.trackers.fear.network:PUBLISHED_LAYERS",
            sha256=sha256,
        )
        for name, what, file, sha256 in (
            (
                "fear_xs",
                "",
                "FEARDemo/FEARDemo/Tracker.mlmodel",
                "2c01e12ee22f4effcbe0b4d68120b5ff99929c46280c0b9dca0c46230b7de47f",
            ),
            (
                "fear_xs_noembs",
                ", another training",
                "MeasurePerformance/MeasurePerformance/models/FEAR-XS-NoEmbs.mlmodel",
                "480128553f76185cdb93fb53257e70b430cae08279c2f76cd3b599a02e2e4762",
            ),
        )
    },
    "mdnet": WeightsEntry(
        description="MDNet: its shared layers, whichever videos they were learned from",
        file="mdnet.pth",
        paper=MDNET,
        licence="unknown",
        networks={"": "spectrack.trackers.mdnet.network:MDNet"},
    ),
    "d3s": _row(
        "SegmNet.pth.tar",
        "D3S with ResNet-50",
        D3S,
        "http://data.vicos.si/alanl/d3s/SegmNet.pth.tar",
        "DAVIS-16 J 75.4, F 72.6, DAVIS-17 J 57.8, F 63.8",
        "none told",
        network="spectrack.trackers.d3s.network:d3s",
    ),
    **{
        f"nanotrack_{version}": _row(
            f"nanotrack{version}.pth",
            f"NanoTrack {version}: MobileNetV3-Small and a box head",
            NANOTRACK,
            f"{NANOTRACK_FOLDER}nanotrack{version}.pth",
            figures,
            "Apache-2.0",
            network="spectrack.trackers.nanotrack.network:NanoTrack",
            sha256=sha256,
            version=version,
        )
        for version, figures, sha256 in (
            (
                "v1",
                "VOT2018 EAO .311, GOT-10k val AO .604, DTB70 .532",
                "2a24bbfd1163a7692ab22100336a54de55dde12301b7d8ae7a4e745fb10b09a3",
            ),
            (
                "v2",
                "VOT2018 EAO .352, GOT-10k val AO .680, DTB70 .584",
                "938a320c560fd8c8d6a148a76a072bca29c529ce16591c9a2157859ee0ecc5e1",
            ),
            (
                "v3",
                "VOT2018 EAO .449, GOT-10k val AO .719, DTB70 .628",
                "4f0d25108385a67bdec5fa01ca37c74acb72343b53996dd645fe18b86e512e69",
            ),
        )
    },
    **{
        f"resnet{depth}": _row(
            f"resnet{depth}-{digits}.pth",
            f"ResNet-{depth} of torchvision, trained on ImageNet",
            RESNET,
            f"https://download.pytorch.org/models/resnet{depth}-{digits}.pth",
            licence="BSD-3",
            network=network,
            sha256=digits,
            classes=1000,
        )
        for depth, digits, network in (
            (18, "f37072fd", "spectrack.networks.resnet:resnet18"),
            (50, "0676ba61", "spectrack.networks.resnet:resnet50"),
        )
    },
}
