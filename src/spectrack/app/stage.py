"""The two elements of the page that have JavaScript of their own: the stage and the drop zone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nicegui.element import Element

from spectrack.app import texts

Handler = Callable[[Mapping[str, Any]], None]


class Stage(Element, component="stage.js"):  # type: ignore[call-arg]
    """Frames with masks, the tools that draw on them, and the timeline.

    Args:
        handlers: Name of an event to what hears of it: ``ready``, ``frame``, ``box``, ``point``,
            ``stroke``, ``tool``, ``brush``, ``command``, ``playing``; see ``stage.js`` for what
            each holds.
        radius: Of the brush in pixels, to begin with.
        generation: Of the video; see :class:`spectrack.app.workspace.Workspace`.
    """

    def __init__(self, handlers: Mapping[str, Handler], radius: float, generation: str) -> None:
        super().__init__()
        self._props["radius"] = radius
        self._props["generation"] = generation
        self._props["texts"] = {"timeline": texts.TIMELINE, "slider": texts.SLIDER}
        for name, handler in handlers.items():
            self.on(name, lambda event, handler=handler: handler(_told(event.args)))


class DropZone(Element, component="dropzone.js"):  # type: ignore[call-arg]
    """A field for a video file.

    Args:
        limit: Largest file in bytes.
        accept: Suffixes of files that are offered.
        sent: Called when a file was taken and is open.
        failed: Called with what was wrong.
    """

    def __init__(
        self, limit: int, accept: str, sent: Callable[[], None], failed: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._props.update(
            label=texts.UPLOAD,
            accept=accept,
            limit=limit,
            sending=texts.SENDING,
            large=texts.TOO_LARGE,
        )
        self.on("sent", lambda _: sent())
        self.on("failed", lambda event: failed(str(_told(event.args).get("sentence", ""))[:400]))


def _told(args: Any) -> Mapping[str, Any]:
    return args if isinstance(args, Mapping) else {}
