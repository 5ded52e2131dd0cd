"""What is done to a session, step by step; undo and redo are steps, too.

A step is one line of JSON in ``edits.jsonl``. The state of a session is what its steps come to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from spectrack.app.keys import Key
from spectrack.errors import InputError

MOST_OBJECTS = 255
"""Objects that an indexed PNG holds."""


@dataclass(frozen=True, slots=True)
class TrackedObject:
    """An object that is followed.

    Args:
        name: What people call it.
        keys: Frame to what was said about it.
    """

    name: str
    keys: Mapping[int, Key] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Project:
    """All that was said: objects with their key frames, and which layers there are.

    Args:
        objects: Object id, 1 to 255, to the object.
        layers: Name of the folder of masks that were loaded or made of others, to its title.
    """

    objects: Mapping[int, TrackedObject] = field(default_factory=dict)
    layers: Mapping[str, str] = field(default_factory=dict)


class Edit(Protocol):
    """A step that can be undone."""

    def apply(self, project: Project) -> Project:
        """What the project is after it.

        Raises:
            InputError: If it cannot be done.
        """

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""


@dataclass(frozen=True, slots=True)
class AddObject:
    """A new object.

    Args:
        object_id: Its number.
        name: What people call it.
    """

    object_id: int
    name: str

    def apply(self, project: Project) -> Project:
        """See :class:`Edit`."""
        if not 1 <= self.object_id <= MOST_OBJECTS or self.object_id in project.objects:
            raise InputError(
                f"object {self.object_id} cannot be added; give a new number from 1 to "
                f"{MOST_OBJECTS}"
            )
        return replace(
            project, objects={**project.objects, self.object_id: TrackedObject(self.name[:40])}
        )

    def plain(self) -> dict[str, Any]:
        """See :class:`Edit`."""
        return {"edit": "add", "object": self.object_id, "name": self.name}


@dataclass(frozen=True, slots=True)
class RemoveObject:
    """An object goes, with all that was said about it."""

    object_id: int

    def apply(self, project: Project) -> Project:
        """See :class:`Edit`."""
        known(project, self.object_id)
        left = {key: value for key, value in project.objects.items() if key != self.object_id}
        return replace(project, objects=left)

    def plain(self) -> dict[str, Any]:
        """See :class:`Edit`."""
        return {"edit": "remove", "object": self.object_id}


@dataclass(frozen=True, slots=True)
class SetKey:
    """Something is said about an object in a frame, or taken back.

    Args:
        object_id: The object.
        frame: Counted from 0.
        key: None takes back what was said.
    """

    object_id: int
    frame: int
    key: Key | None

    def apply(self, project: Project) -> Project:
        """See :class:`Edit`."""
        found = known(project, self.object_id)
        if self.key is None and self.frame not in found.keys:
            raise InputError(f"object {self.object_id} has no key frame {self.frame}")
        keys = {f: key for f, key in found.keys.items() if f != self.frame}
        if self.key is not None:
            keys[self.frame] = self.key
        changed = replace(found, keys=keys)
        return replace(project, objects={**project.objects, self.object_id: changed})

    def plain(self) -> dict[str, Any]:
        """See :class:`Edit`."""
        key = None if self.key is None else self.key.plain()
        return {"edit": "key", "object": self.object_id, "frame": self.frame, "key": key}


@dataclass(frozen=True, slots=True)
class AddLayer:
    """Masks from elsewhere, or made of others, come beside the tracked ones.

    Args:
        layer: Name of their folder in the session.
        title: What people call them.
    """

    layer: str
    title: str

    def apply(self, project: Project) -> Project:
        """See :class:`Edit`."""
        return replace(project, layers={**project.layers, self.layer: self.title[:60]})

    def plain(self) -> dict[str, Any]:
        """See :class:`Edit`."""
        return {"edit": "layer", "layer": self.layer, "title": self.title}


def known(project: Project, object_id: int) -> TrackedObject:
    """An object by its number.

    Raises:
        InputError: If there is none.
    """
    if object_id not in project.objects:
        raise InputError(f"object {object_id} does not exist; add it first")
    return project.objects[object_id]


def edit_of(plain: Mapping[str, Any]) -> Edit:
    """The step that a line tells.

    Raises:
        KeyError, TypeError, ValueError: If it tells none.
    """
    match plain["edit"]:
        case "add":
            return AddObject(int(plain["object"]), str(plain["name"]))
        case "remove":
            return RemoveObject(int(plain["object"]))
        case "key":
            key = None if plain["key"] is None else Key.from_plain(plain["key"])
            return SetKey(int(plain["object"]), int(plain["frame"]), key)
        case "layer":
            return AddLayer(str(plain["layer"]), str(plain["title"]))
        case other:
            raise ValueError(f"unknown edit {other!r}")


class History:
    """Steps in order, of which the last can be undone and redone.

    Args:
        start: What there was before the first.

    Attributes:
        states: The project before the first step, after it, after the second ...; undone ones left
            out.
    """

    def __init__(self, start: Project | None = None) -> None:
        self.states: list[Project] = [start or Project()]
        self._undone: list[Project] = []

    @property
    def project(self) -> Project:
        """What the steps come to."""
        return self.states[-1]

    def apply(self, edit: Edit) -> None:
        """Take a step; those that were undone can no longer be redone.

        Raises:
            InputError: If it cannot be taken; nothing has changed then.
        """
        self.states.append(edit.apply(self.project))
        self._undone.clear()

    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return len(self.states) > 1

    def can_redo(self) -> bool:
        """Whether there is one to take again."""
        return bool(self._undone)

    def undo(self) -> None:
        """Take the last step back, if there is one."""
        if self.can_undo():
            self._undone.append(self.states.pop())

    def redo(self) -> None:
        """Take the step again that was undone last, if there is one."""
        if self._undone:
            self.states.append(self._undone.pop())

    def replay(self, lines: Iterable[Mapping[str, Any]]) -> int:
        """Take the steps that lines tell, up to the first that is no step.

        Returns:
            How many lines were followed.
        """
        done = 0
        for plain in lines:
            try:
                if "undo" in plain:
                    self.undo()
                elif "redo" in plain:
                    self.redo()
                else:
                    self.apply(edit_of(plain))
            except (KeyError, TypeError, ValueError, AttributeError):
                break  # whole by its checksum and yet none of ours: what came before it counts
            done += 1
        return done
