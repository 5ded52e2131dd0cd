"""``spectrack segment``: masks of the things in boxes of one picture, or of what is clicked on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from spectrack.commands.base import Command, Flag, OptionalFile, Repeated, parse_box, table
from spectrack.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spectrack.commands.console import Console
    from spectrack.structures import Box, FrameHWC, Prediction
    from spectrack.tracking.points import Point

MOST = 255
"""Objects that an indexed PNG holds."""


PERMISSIVE_MASKS = "mask_in_box_permissive"
"""Weights of masks in boxes that were learned from data of permissive terms alone."""


@dataclass(frozen=True, kw_only=True)
class SegmentCommand(Command):
    """Make the masks of the things in boxes of one picture, or of what is clicked on.

    The mask is an indexed PNG, value = object, counted from 1 in the order of the boxes; where two
    overlap a pixel belongs to the one that is surer of it. The score of each is the overlap with
    the thing that its soft mask promises, between 0 and 1.

    Points correct the thing whose number they name, or make one without a box.

    Example: spectrack segment cat.jpg --box 120,80,200,160 --out mask.png --overlay look.jpg
    """

    image: Annotated[Positional[Path], arg(metavar="IMAGE")]
    """The picture."""
    box: Annotated[Repeated, arg(metavar="X,Y,W,H")] = ()
    """Around a thing: left, top, width, height in pixels. Repeat for more things."""
    point: Annotated[Repeated, arg(metavar="X,Y[,background][:N]")] = ()
    """A click on thing N (1 by default), or on what is not it. Repeat for more."""
    out: Annotated[Path | None, arg(metavar="MASK")] = None
    """Where the mask goes, .png; by default IMAGE's name with _mask.png, in this folder."""
    overlay: OptionalFile = None
    """Also write the picture with masks and boxes drawn in, .png or .jpg."""
    weights: Annotated[str, arg(metavar="WEIGHTS")] = ""
    """Of the network, a name of `spectrack weights` or a file; the shipped ones by default."""
    permissive: Flag = False
    """Use the weights that were learned from data of permissive terms alone; they know less."""
    overwrite: Flag = False
    """Replace files that are there."""

    def run(self, console: Console) -> int:
        """Make the masks and write them."""
        if not self.box and not self.point:
            raise InputError("no thing was given; give --box X,Y,W,H or --point X,Y")
        if len(self.box) > MOST:
            raise InputError(f"{len(self.box)} boxes were given; give {MOST} at most")
        given: list[Box | None] = [parse_box(one) for one in self.box]
        clicks = clicks_of(self.point)
        given += [None] * (max([len(given), *clicks]) - len(given))
        bare = [n for n, box in enumerate(given, 1) if box is None and n not in clicks]
        if bare or len(given) > MOST or min(clicks, default=1) < 1:
            wrong = bare[0] if bare else min(clicks) if min(clicks, default=1) < 1 else len(given)
            raise InputError(
                f"thing {wrong} has neither box nor point; number things from 1 to {MOST}, "
                "without gaps"
            )
        if self.permissive and self.weights:
            raise InputError(f"--permissive and --weights {self.weights} were given; leave one out")
        weights = PERMISSIVE_MASKS if self.permissive else self.weights
        out = self.out or Path(f"{self.image.stem}_mask.png")
        self._check_files(out)

        from spectrack.api.segmenting import read_picture, segment_all, segment_points

        frame_hwc = read_picture(self.image)
        found: list[Prediction] = []
        for number, box in enumerate(given, 1):
            if number in clicks:
                found.append(segment_points(frame_hwc, clicks[number], box=box, weights=weights))
            elif box is not None:
                found += segment_all(frame_hwc, [box], weights=weights)
        boxes = [box or one.box for box, one in zip(given, found, strict=True)]
        index_hw = index_of(found)
        self._write(out, frame_hwc, index_hw, boxes, found)
        things = [
            {
                "object": number,
                "box": None if box is None else list(box),
                "mask_box": None if one.box is None else list(one.box),
                "pixels": int((index_hw == number).sum()),
                "score": round(one.score, 4),
            }
            for number, (box, one) in enumerate(zip(boxes, found, strict=True), start=1)
        ]
        values = {
            "image": str(self.image),
            "size_wh": [frame_hwc.shape[1], frame_hwc.shape[0]],
            "mask": str(out),
            "overlay": None if self.overlay is None else str(self.overlay),
            "objects": things,
        }
        console.result(values, text(values))
        return 0

    def _check_files(self, out: Path) -> None:
        """Refuse names that cannot be written, before any work."""
        from spectrack.commands.output import check_file

        if out.suffix.lower() != ".png":
            raise InputError(f"--out {out} is no .png; masks are kept as indexed PNG")
        given = {"--out": out}
        if self.overlay is not None:
            if self.overlay.suffix.lower() not in {".png", ".jpg", ".jpeg"}:
                raise InputError(f"--overlay {self.overlay} is no picture; give a .png or .jpg")
            given["--overlay"] = self.overlay
            if self.overlay.resolve() == out.resolve():
                raise InputError(f"--out and --overlay are both {out}; give two files")
        for flag, path in given.items():
            if path.resolve() == self.image.resolve():
                raise InputError(f"{flag} {path} is the picture itself; give another file")
            check_file(flag, path, self.overwrite)

    def _write(
        self,
        out: Path,
        frame_hwc: FrameHWC,
        index_hw: NDArray[np.uint8],
        boxes: Sequence[Box | None],
        found: list[Prediction],
    ) -> None:
        """The mask and the overlay; where the one cannot be written, the other is not either."""
        from spectrack.storage import explained, replacing
        from spectrack.tracks import write_index_png
        from spectrack.video.draw import draw_overlay, object_color
        from spectrack.video.sheet import write_picture

        with explained(out, named=True):
            out.parent.mkdir(parents=True, exist_ok=True)
            with replacing(out) as part:
                write_index_png(part, index_hw)
                if self.overlay is not None:
                    drawn = frame_hwc
                    for number, (box, one) in enumerate(zip(boxes, found, strict=True), start=1):
                        drawn = draw_overlay(
                            drawn,
                            index_hw == number,
                            box,
                            one.score,
                            str(number) if len(boxes) > 1 else None,
                            object_color(number),
                        )
                    with explained(self.overlay, named=True):
                        self.overlay.parent.mkdir(parents=True, exist_ok=True)
                        write_picture(self.overlay, drawn)


def clicks_of(given: Sequence[str]) -> dict[int, list[Point]]:
    """Number of the thing to clicks, from ``--point`` flags.

    Raises:
        InputError: If one cannot be read, or names a frame.
    """
    from spectrack.commands.track_keys import parse_point

    clicks: dict[int, list[Point]] = {}
    for text in given:
        if "=" in text:
            raise InputError(f"--point {text} names a frame; a picture has none, give X,Y")
        one = parse_point(text)
        clicks.setdefault(one.object, []).append(one.point)
    return clicks


def index_of(found: list[Prediction]) -> NDArray[np.uint8]:
    """Soft masks as one map of objects, uint8 (H, W): 0, or the number of the surest one."""
    import numpy as np

    soft_nhw = np.stack([one.mask for one in found if one.mask is not None])
    surest = soft_nhw.argmax(0).astype(np.uint8) + np.uint8(1)
    return np.where(soft_nhw.max(0) >= 0.5, surest, np.uint8(0))


def text(values: dict[str, Any]) -> str:
    """What was found, as a table, and where it is."""
    lines: list[tuple[Any, ...]] = [("object", "box", "pixels", "score")]
    for one in values["objects"]:
        shown = "-" if one["box"] is None else ",".join(f"{v:g}" for v in one["box"])
        lines.append((one["object"], shown, one["pixels"], f"{one['score']:.2f}"))
    overlay = f"\noverlay: {values['overlay']}" if values["overlay"] else ""
    return f"{table(lines)}\nmask: {values['mask']}{overlay}"
