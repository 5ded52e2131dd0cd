"""Backbones that others have published as TensorFlow Lite files: where they lie, and their terms.

Each is one file of a repository at one commit. The terms are those of the repository; no other
statement on the weights is known. The pictures they learned from carry terms of their own.
"""

from __future__ import annotations

from spectrack.weights.entry import WeightsEntry

PAPER = "Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018"
CORAL = (
    "https://raw.githubusercontent.com/google-coral/test_data/"
    "104342d2d3480b3e66203073dac24f4e2dbb4c41/"
)
SUPPORT = (
    "https://raw.githubusercontent.com/tensorflow/tflite-support/"
    "dd3362ea685bb7ab1f7268c81ec567d3b720ae57/tensorflow_lite_support/metadata/python/tests/"
    "testdata/image_segmenter/"
)
LICENCE = "Apache-2.0, the repository's; trained on {}"
VOC = "PASCAL VOC, after what else is not told"


def _row(
    source: str,
    description: str,
    trained_on: str,
    sha256: str,
    size_bytes: int,
    width: float,
    output_stride: int,
) -> WeightsEntry:
    """A row; the network has the stride that the weights were trained at."""
    return WeightsEntry(
        description=description,
        file=source.rsplit("/", 1)[-1],
        paper=PAPER,
        licence=LICENCE.format(trained_on),
        networks={"": "spectrack.networks.mobilenet_v2:MobileNetV2"},
        arguments={"width": width, "output_stride": output_stride},
        sources=(source,),
        sha256=sha256,
        size_bytes=size_bytes,
    )


BACKBONES: dict[str, WeightsEntry] = {
    "mobilenet_v2_ptq": _row(
        CORAL + "tf2_mobilenet_v2_1.0_224_ptq.tflite",
        "MobileNetV2 for ImageNet, its features alone; int8, a scale a channel",
        "ImageNet",
        "5d3137241276e79c86d14a74fe43581398ae0e815191d3dba45495b810840e8c",
        4_070_174,
        1.0,
        32,
    ),
    "deeplabv3_mnv2": _row(
        CORAL + "deeplabv3_mnv2_pascal_quant.tflite",
        "MobileNetV2 of DeepLabV3, its features alone; uint8",
        VOC,
        "350af47fd346ea6d74b58833a351f583ba860e9806ec5bd292ff8d8f1f249398",
        2_193_224,
        1.0,
        16,
    ),
    "deeplabv3_dm05": _row(
        SUPPORT + "deeplabv3.tflite",
        "MobileNetV2 of half the width, of DeepLabV3, its features alone; float32",
        VOC,
        "68a539782c2c6a72f8aac3724600124a85ed977162b44e84cbae5db717c933c6",
        2_779_264,
        0.5,
        8,
    ),
}
