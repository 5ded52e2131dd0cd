"""Weights of Siamese trackers: where they lie, on what terms, and what they reach."""

from __future__ import annotations

from typing import Any

from spectrack.weights.entry import WeightsEntry

PYSOT = "CC BY-SA 3.0"
"""Terms that the model zoo of PySOT tells."""
MIT_CODE = "unknown for the weights; the authors' code, which they come with, is MIT"
SIAMFC = (
    "Bertinetto et al., Fully-Convolutional Siamese Networks for Object Tracking, ECCV workshops "
    "2016"
)
SIAMRPN = (
    "Li et al., High Performance Visual Tracking with Siamese Region Proposal Network, CVPR 2018"
)
SIAMRPNPP = "Li et al., SiamRPN++: Evolution of Siamese Visual Tracking, CVPR 2019"
SIAMMASK = (
    "Wang et al., Fast Online Object Tracking and Segmentation: A Unifying Approach, CVPR 2019"
)
SIAMBAN = "Chen et al., Siamese Box Adaptive Network for Visual Tracking, CVPR 2020"
OXFORD = "http://www.robots.ox.ac.uk/~qwang/"
MASK = "spectrack.trackers.siammask.network:SiamMask"
BAN = "spectrack.trackers.siamban.network:SiamBAN"
ALEXNET = "spectrack.trackers.siamrpn.network:SiamRPNAlexNet"
RESNET = "spectrack.trackers.siamrpn.network:SiamRPNPlusPlus"


def _row(
    description: str,
    paper: str,
    source: str,
    figures: str,
    network: str | None = None,
    **arguments: Any,
) -> WeightsEntry:
    return WeightsEntry(
        description=description,
        file="model.pth",
        paper=paper,
        licence=PYSOT,
        networks={"": network} if network else {},
        arguments=arguments,
        sources=(f"gdrive:{source}",),
        figures=figures,
    )


SIAMESE: dict[str, WeightsEntry] = {
    # people have such files; from where is not known
    "siamfc_alexnet": WeightsEntry(
        description="SiamFC with AlexNet, learned on GOT-10k",
        file="siamfc_alexnet.pth",
        paper=SIAMFC,
        licence="unknown",
        networks={"": "spectrack.trackers.siamfc.network:SiamFC"},
    ),
    "siamrpn_alex_dwxcorr": _row(
        "SiamRPN with AlexNet",
        SIAMRPN,
        "1t62x56Jl7baUzPTo0QrC4jJnwvPZm-2m",
        "VOT2016 / 2018 / 2019 EAO .393 / .352 / .260",
        ALEXNET,
    ),
    "siamrpn_alex_dwxcorr_otb": _row(
        "SiamRPN with AlexNet, for OTB",
        SIAMRPN,
        "1gCpmR85Qno3C-naR3SLqRNpVfU7VJ2W0",
        "OTB2015 AUC .666",
        ALEXNET,
    ),
    "siamrpn_r50_l234_dwxcorr": _row(
        "SiamRPN++ with ResNet-50",
        SIAMRPNPP,
        "1Q4-1563iPwV6wSf_lBHDj5CPFiGSlEPG",
        "VOT2016 / 2018 / 2019 EAO .464 / .415 / .287",
        RESNET,
    ),
    "siamrpn_r50_l234_dwxcorr_otb": _row(
        "SiamRPN++ with ResNet-50, for OTB",
        SIAMRPNPP,
        "1Cx_oHu6o0gNeH7F9zZrgevfAGdyWC4D5",
        "OTB2015 AUC .696",
        RESNET,
        weighted=False,
    ),
    "siamrpn_r50_l234_dwxcorr_lt": _row(
        "SiamRPN++ with ResNet-50, long-term",
        SIAMRPNPP,
        "1lOOTedwGLbGZ7MAbqJimIcET3ANJd29A",
        "VOT2018-LT F1 .629",
        RESNET,
        maps=(128, 256, 512),
    ),
    "siamrpn_mobilev2_l234_dwxcorr": _row(
        "SiamRPN++ with MobileNetV2",
        SIAMRPNPP,
        "1JB94pZTvB1ZByU-qSJn4ZAIfjLWE5EBJ",
        "VOT2016 / 2018 / 2019 EAO .455 / .410 / .292",
    ),
    "siammask_r50_l3": _row(
        "SiamMask with ResNet-50",
        SIAMMASK,
        "1YbPUQVTYw_slAvk_DchvRY-7B6rnSXP9",
        "VOT2016 / 2018 / 2019 EAO .455 / .423 / .283",
        MASK,
    ),
    **{
        f"siammask_{name.lower()}": WeightsEntry(
            description=f"SiamMask of its authors, {name}",
            file=f"SiamMask_{name}.pth",
            paper=SIAMMASK,
            licence=MIT_CODE,
            networks={"": MASK},
            sources=(f"{OXFORD}SiamMask_{name}.pth",),
            figures=figures,
        )
        for name, figures in (
            ("VOT", "VOT2018 EAO .380"),
            ("VOT_LD", "VOT2018 EAO .423"),
            ("DAVIS", "DAVIS-16 J .713, F .674"),
        )
    },
    "siamban_r50_l234": _row(
        "SiamBAN with ResNet-50",
        SIAMBAN,
        "1SJwPUpTQm6xL44-8jLvDrSMhOzVsbLAZ",
        "VOT2018 EAO .452",
        BAN,
    ),
    "siamban_r50_l234_otb": _row(
        "SiamBAN with ResNet-50, for OTB",
        SIAMBAN,
        "1d_z_7azA56PrnyQWkRFnZmxb1IGU-72E",
        "OTB100 AUC .696",
        BAN,
    ),
}
