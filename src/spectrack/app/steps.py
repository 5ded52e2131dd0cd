"""What can be said about the objects of a session, step by step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spectrack.app.edits import MOST_OBJECTS, AddObject, Edit, RemoveObject, SetKey
from spectrack.app.keys import Key
from spectrack.app.session import Session
from spectrack.app.strokes import paint
from spectrack.app.views import Shown, Views
from spectrack.errors import InputError
from spectrack.structures import Box, Mask


class Steps:
    """A session and what there is to see of it.

    Args:
        session: The session.

    Attributes:
        views: What there is to see.
        version: Raised whenever something changed that is shown.
        message: The last thing that went wrong, in a sentence; empty once something is done.
    """

    def __init__(self, session: Session) -> None:
        self.session, self.views = session, Views(session)
        self.version, self.message = 0, ""

    def do(self, edit: Edit) -> None:
        """Take a step.

        Raises:
            InputError: If it cannot be taken.
        """
        self.session.apply(edit)
        self.changed()

    def add_object(self, name: str = "") -> int:
        """A new object; its number."""
        used = self.session.project.objects
        number = next((n for n in range(1, MOST_OBJECTS + 1) if n not in used), MOST_OBJECTS + 1)
        self.do(AddObject(number, name or f"Object {number}"))
        return number

    def remove_object(self, object_id: int) -> None:
        """An object goes."""
        self.do(RemoveObject(object_id))

    def set_box(self, object_id: int, frame: int, box: Box) -> None:
        """A box was drawn.

        Raises:
            InputError: If nothing of it lies in the frame, or it is too small.
        """
        inside = box.clip(self.session.about.size_wh)
        if inside is None or inside.w < 2 or inside.h < 2:
            raise InputError("the box is too small; draw it around the object")
        self._say(object_id, frame, Key("box", box=inside))

    def set_gone(self, object_id: int, frame: int) -> None:
        """The object is out of sight from a frame on, until the next key frame."""
        self._say(object_id, frame, Key("gone"))

    def take_back(self, object_id: int, frame: int) -> None:
        """What was said of a frame is said no more."""
        self.check_frame(frame)
        self.do(SetKey(object_id, frame, None))

    def paint(
        self,
        object_id: int,
        frame: int,
        view: str,
        points_xy: Sequence[tuple[float, float]],
        radius: float,
        erase: bool,
    ) -> None:
        """A stroke was painted on what a view shows.

        Raises:
            InputError: If it cannot be painted, or nothing of the mask is left.
        """
        width, height = self.session.about.size_wh
        entry = self.views.shown(view, object_id, frame).entry
        empty = np.zeros((height, width), dtype=bool)
        before = empty if entry is None or entry.mask is None else entry.mask.decode()
        after = paint(before, points_xy, radius, erase)
        if not after.any():
            raise InputError("nothing of the mask is left; mark the object as gone instead")
        self._say(object_id, frame, Key("mask", Mask.encode(after)))

    def take_mask(self, object_id: int, frame: int, view: str) -> None:
        """What a view shows becomes the truth of a frame.

        Raises:
            InputError: If it shows no mask there.
        """
        entry = self.views.shown(view, object_id, frame).entry
        if entry is None or entry.mask is None or entry.mask.area == 0:
            raise InputError("there is no mask in this frame; run the tracker or draw one")
        self._say(object_id, frame, Key("mask", entry.mask))

    def undo(self) -> None:
        """Take the last step back."""
        self.session.undo()
        self.changed()

    def redo(self) -> None:
        """Take it again."""
        self.session.redo()
        self.changed()

    def shown(self, view: str, object_id: int, frame: int) -> Shown:
        """See :meth:`Views.shown`."""
        return self.views.shown(view, object_id, frame)

    def check_frame(self, frame: int) -> None:
        """Make sure that there is such a frame.

        Raises:
            InputError: If there is none.
        """
        if not 0 <= frame < self.session.about.length:
            raise InputError(f"frame {frame} does not exist; there are {self.session.about.length}")

    def changed(self, digest: str | None = None) -> None:
        """Something is another than it was: a step, or the answers of a span of that name."""
        self.views.changed(digest)
        self.message = ""
        self.version += 1

    def _say(self, object_id: int, frame: int, key: Key) -> None:
        self.check_frame(frame)
        self.do(SetKey(object_id, frame, key))
