"""What pixel-wise tracking costs, part by part: fresh weights, a frame of 854x480.

    python benchmarks/pixelwise_parts.py [--form small] [--threads 1] [--device cuda] [--out FILE]

Times are the least of some repeats, in single and in half precision; processor time tells what a
busy machine hides. Everything but cutting out, filling in and squeezing is independent of the
frame's size.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from frame_parts import least_times

from spectrack.structures import Box, Target
from spectrack.trackers.pixelwise.network import Pixelwise
from spectrack.trackers.pixelwise.settings import NETWORKS, PixelwiseSettings
from spectrack.trackers.pixelwise.tracker import PixelwiseTracker
from spectrack.weights.described import make_network

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # where experiments/ lies

SIZE_WH, BOX = (854, 480), Box(380.0, 200.0, 120.0, 90.0)


@torch.inference_mode()
def measure(
    form: str, device: torch.device, half: bool, repeats: int
) -> list[tuple[str, float, float]]:
    """Name of a part, wall and processor time."""
    torch.manual_seed(0)
    network = make_network(NETWORKS[form]).eval()
    assert isinstance(network, Pixelwise)
    # what untrained networks answer is found in any case, so that the region stays where it is
    settings = PixelwiseSettings(device=str(device), half=half, presence=0.0, growth=1.0)
    tracker = PixelwiseTracker(settings, network)
    frame = np.random.default_rng(0).integers(0, 256, (*SIZE_WH[::-1], 3), np.uint8)
    target = Target(BOX, BOX.fill(SIZE_WH))
    tracker.init(frame, target)
    local, crop = tracker._local, tracker.region.crop(tracker._side)
    image = tracker._image(frame, crop)
    soft_ss = np.random.default_rng(1).random(image.shape[2:]).astype(np.float32)
    soft_hw = tracker._filled(soft_ss, crop)
    with tracker._precision():
        seen = local.extractor.late(local.extractor.early(image))
        features = local.f_cnn(seen.deep)
        hidden = tracker._memory[1].hidden
        parts: list[tuple[str, Callable[[], Any]]] = [
            ("global network", tracker._predict),
            ("cut out the region", lambda: tracker._image(frame, crop)),
            (
                "local network: extractor",
                lambda: local.extractor.late(local.extractor.early(image)),
            ),
            ("local network: F-CNN", lambda: local.f_cnn(seen.deep)),
            (
                "local network: both ConvLSTMs",
                lambda: local.layers[1](
                    local.layers[0](features, tracker._memory[0]).hidden, tracker._memory[1]
                ),
            ),
            ("local network: deconvolutions", lambda: local._decode(hidden, seen)),
            ("fill in and squeeze", lambda: tracker._squeezed(tracker._filled(soft_ss, crop))),
            ("box", lambda: Box.from_mask(soft_hw >= 0.5)),
            ("**a frame**", lambda: tracker.update(frame)),
            ("the first frame, from a mask", lambda: tracker.init(frame, target)),
        ]
        return [(name, *least_times(run, device, repeats)) for name, run in parts]


def main() -> None:
    """Write the page."""
    from experiments.common import commit, machine

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--form", choices=list(NETWORKS), default="small")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--out", type=Path, help="of the page")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    whole, half = (measure(args.form, device, half, args.repeats) for half in (False, True))
    # the processor waits for a GPU
    kind, column = ("processor", 2) if device.type == "cpu" else ("wall", 1)
    command = f"python benchmarks/pixelwise_parts.py --form {args.form} --threads {args.threads}"
    lines = [
        "# What a frame costs pixel-wise tracking\n",
        f"Milliseconds of {kind} time, the form `{args.form}` with fresh weights, frames of "
        f"854x480, {args.device}, {args.threads} thread{'s' * (args.threads > 1)}: the least of "
        f"{args.repeats} runs. Half: convolutions in bfloat16 (`--set half=true`).\n",
        "| part | ms | half |",
        "| --- | ---: | ---: |",
        *(
            f"| {one[0]} | {one[column]:.1f} | {other[column]:.1f} |"
            for one, other in zip(whole, half, strict=True)
        ),
        f"\nMade by `{command} --device {args.device}`, commit {commit()}, {machine()}, seed 0.",
    ]
    file = args.out or ROOT / "benchmarks" / "results" / "pixelwise_parts.md"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    print(f"wrote {file}")


if __name__ == "__main__":
    main()
