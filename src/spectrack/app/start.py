"""The first page: open a video or an earlier session."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from nicegui import ui

from spectrack.app import texts
from spectrack.app.places import VIDEO_SUFFIXES, names_below
from spectrack.app.stage import DropZone
from spectrack.app.studio import Studio
from spectrack.app.workspace import Workspace
from spectrack.errors import InputError


def build_start(
    workspace: Workspace, limit: int, opened: Callable[[], None], tell: Callable[[str], None]
) -> None:
    """The first page.

    Args:
        workspace: What may be opened.
        limit: Largest upload in bytes.
        opened: Called when a session is open.
        tell: Shows a sentence.
    """

    async def show(opening: Coroutine[Any, Any, Studio]) -> None:
        tell(texts.OPENING)
        try:
            await opening
        except InputError as error:
            with column:
                tell(str(error))
        else:
            with column:
                opened()

    def open_path(path: str) -> Coroutine[Any, Any, None]:
        return show(workspace.open_below(path))

    def open_session(name: str) -> Coroutine[Any, Any, None]:
        return show(workspace.open_named(name))

    with ui.element("div").classes("start") as column:
        with ui.element("h1"):
            ui.html(texts.WELCOME, sanitize=False)
        with ui.element("p").classes("lead"):
            ui.html(texts.WELCOME_TEXT, sanitize=False)
        DropZone(limit, ",".join(sorted(VIDEO_SUFFIXES)), opened, tell)
        sessions = workspace.known_sessions()
        if sessions:
            _heading(texts.SESSIONS)
            with ui.element("div").classes("list"):
                for name, video in sessions:
                    _line("history", name, partial(open_session, name), video)
        _heading(texts.BELOW_ROOT)
        PathList(workspace, open_path, is_video)


def is_video(name: str) -> bool:
    """Whether a file is offered as a video."""
    return any(name.lower().endswith(suffix) for suffix in VIDEO_SUFFIXES)


class PathList:
    """What lies below the root, folder by folder.

    Args:
        workspace: Its root.
        chosen: Called with the path of a file, or of a folder that is to be used itself; it may
            give back what is to be waited for.
        offers: Whether a file of a name is shown.
        use: What the button says that takes the folder itself.
    """

    def __init__(
        self,
        workspace: Workspace,
        chosen: Callable[[str], Any],
        offers: Callable[[str], bool],
        use: str = texts.OPEN_FOLDER,
    ) -> None:
        self._workspace, self._chosen, self._offers, self._use = workspace, chosen, offers, use
        self._box = ui.element("div").classes("list")
        self._show("")

    def _show(self, folder: str) -> None:
        try:
            names = names_below(self._workspace.root, folder)
        except InputError as error:
            ui.notify(str(error), type="warning")
            return
        self._box.clear()
        with self._box:
            if folder:
                above = folder.rpartition("/")[0]
                _line("arrow_upward", texts.UP, lambda: self._show(above))
                _line("photo_library", self._use, lambda: self._chosen(folder))
            for name, is_folder in names:
                path = f"{folder}/{name}" if folder else name
                if is_folder:
                    _line("folder", name, partial(self._show, path))
                elif self._offers(name):
                    _line("movie", name, partial(self._chosen, path))
            if not names and not folder:
                ui.label(texts.EMPTY_FOLDER).classes("soft q-pa-md")


def _heading(text: str) -> None:
    with ui.element("h2"):
        ui.label(text)


def _line(icon: str, text: str, act: Callable[[], Any], note: str = "") -> None:
    with ui.element("button").on("click", lambda _: act()):
        ui.icon(icon, size="20px")
        ui.label(text)
        if note:
            with ui.element("small"):
                ui.label(note)
