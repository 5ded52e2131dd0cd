"""The panels beside the stage: objects, following, what is shown, other masks, review, export."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nicegui import ui

from spectrack.app import texts
from spectrack.app.desk import color_of
from spectrack.app.exporting import file_name, formats
from spectrack.app.parts import icon_button, part, text_button, title
from spectrack.app.places import below
from spectrack.app.start import PathList
from spectrack.app.views import split
from spectrack.errors import InputError
from spectrack.tracking.table import tracker_table

if TYPE_CHECKING:
    from spectrack.app.page import Page

small = partial(icon_button, size="sm")
MASK_FILES = (".npy", ".npz", ".json", ".png", ".mp4", ".mkv", ".avi")


class Panels:
    """The column on the right.

    Args:
        page: Its page.
    """

    def __init__(self, page: Page) -> None:
        self.page, self.desk, self.studio = page, page.desk, page.studio
        self._rows: dict[int, Any] = {}
        self._shown: Any = None
        self._listed: Any = None
        with ui.element("div").classes("app-side"):
            self._objects()
            self._follow()
            self._show()
            self._review()
            self._others()
            self._export()

    # --- parts -----------------------------------------------------------------------------------

    def _objects(self) -> None:
        with part():
            with title(texts.OBJECTS):
                small("add", texts.ADD_OBJECT, lambda: self.page.command("add"))
            self._list = ui.element("div").classes("w-full")
            with ui.element("div").classes("line"):
                text_button(texts.TAKE, texts.TAKE_TIP, lambda: self.page.command("take"))
                text_button(texts.GONE, texts.GONE_TIP, lambda: self.page.command("gone"))
                text_button(texts.UNSET, texts.UNSET_TIP, lambda: self.page.command("unset"))

    def _follow(self) -> None:
        with part():
            title(texts.FOLLOW)
            ui.select(
                list(tracker_table()), value=self.desk.tracker, on_change=self._choose_tracker
            ).props(f'dense borderless options-dense aria-label="{texts.TRACKER}"')
            with ui.element("div").classes("line") as self._start_row:
                for icon, tip, way in (
                    ("keyboard_double_arrow_left", texts.BACKWARD, "backward"),
                    ("skip_next", texts.NEXT, "next"),
                    ("keyboard_double_arrow_right", texts.FORWARD, "forward"),
                ):
                    small(icon, tip, partial(self.page.command, way)).classes("plain wide")
                text_button(texts.RUN, texts.RUN_TIP, lambda: self.page.command("all")).classes(
                    remove="plain", add="main"
                )
            with ui.element("div").classes("part").style("padding:0;border:0") as self._work_row:
                self._bar = ui.linear_progress(value=0, show_value=False).props(
                    "rounded size=6px instant-feedback"
                )
                self._told = ui.label("").classes("soft")
                with ui.element("div").classes("line"):
                    self._pause = text_button(texts.PAUSE, "", self._hold)
                    text_button(texts.STOP, "", lambda: self.page.command("escape"))
            ui.checkbox(
                texts.WATCH, value=True, on_change=lambda e: setattr(self.desk, "watch", e.value)
            ).props("dense size=sm").classes("soft")

    def _show(self) -> None:
        with part():
            title(texts.SHOW)
            self._mode = ui.toggle(
                texts.MODES, value=self.desk.mode, on_change=self._choose_mode
            ).props("unelevated no-caps")
            self._sides = [
                ui.select(
                    {}, on_change=lambda e, side=side: self._choose_view(side, e.value)
                ).props(f'dense borderless options-dense aria-label="{name}"')
                for side, name in enumerate((texts.LEFT, texts.RIGHT))
            ]

    def _review(self) -> None:
        with part():
            with title(texts.REVIEW):
                small("travel_explore", texts.REVIEW_TIP, lambda: self.page.command("doubt"))
            self._look_list = ui.element("div").classes("looks")

    def _others(self) -> None:
        with part():
            title(texts.LAYERS)
            with ui.element("div").classes("line"):
                text_button(texts.LOAD, texts.LOAD_TIP, self._choose_masks)
                text_button(texts.REFINE, texts.REFINE_TIP, self._refine)
                text_button(texts.FUSE, texts.FUSE_TIP, self._fuse)
            self._making = ui.label("").classes("soft making")

    def _export(self) -> None:
        with part():
            title(texts.EXPORT)
            self._format = ui.select(formats(), value=next(iter(formats()))).props(
                f'dense borderless options-dense aria-label="{texts.EXPORT_AS}"'
            )
            text_button(texts.EXPORT, "", self._write).classes(remove="plain", add="main")

    # --- events ----------------------------------------------------------------------------------

    def run(self, way: str) -> None:
        """Follow: the object that is worked on, or all."""
        objects = self.studio.session.project.objects
        ids = [i for i, known in objects.items() if known.keys] if way == "all" else []
        ids = ids or ([self.desk.object_id] if self.desk.object_id else [])

        def start() -> None:
            if not ids:
                raise InputError("there is nothing to follow yet; draw a box around the object")
            if not self.studio.run(way, ids, self.desk.frame, self.desk.tracker):
                self.page.tell(texts.NOTHING_TO_RUN, "info")

        self.page.act(start)

    def _hold(self) -> None:
        self.page.act(self.studio.resume if self.studio.held else self.studio.hold)

    def _choose_tracker(self, event: Any) -> None:
        self.desk.choose_tracker(str(event.value))
        self.page.refresh(force=True)

    def _choose_mode(self, event: Any) -> None:
        self.desk.mode = str(event.value)
        self.page.refresh(force=True)

    def _choose_view(self, side: int, view: str) -> None:
        if view and view != self.desk.views[side]:
            self.desk.views[side] = view
            self.page.refresh(force=True)

    def _remove(self, object_id: int) -> None:
        self.page.act(lambda: self.studio.remove_object(object_id))

    def _choose_masks(self) -> None:
        with ui.dialog(value=True) as dialog, ui.card().style("width:520px;max-width:92vw"):
            ui.label(texts.CHOOSE_MASKS)

            def chosen(path: str) -> None:
                dialog.close()
                self.page.act(lambda: self._load(path))

            PathList(
                self.page.workspace,
                chosen,
                lambda name: name.lower().endswith(MASK_FILES),
                texts.USE_FOLDER,
            )
        dialog.on("hide", dialog.delete)

    def _load(self, path: str) -> None:
        found = below(self.page.workspace.root, path)
        if found.is_dir() and (found / "masks").is_dir():
            found = below(self.page.workspace.root, f"{path}/masks")
        name = path.rstrip("/").split("/")[-1]
        self._wait(self.studio.make_layer("load", name, {name: found}), self.desk.show_layer)

    def _refine(self) -> None:
        view = self.desk.views[0]
        called = texts.REFINED.format(name=self.desk.view_names()[view])

        def refine(folder: Path) -> Future[str]:
            return self.studio.make_layer("refine", called, {"masks": folder})

        self._after(self.studio.source_of(view), refine, self.desk.show_layer)

    def _fuse(self) -> None:
        left, right = self.desk.views
        if left == right or self.desk.mode == "single":
            self.page.tell(texts.FUSE_TWO, "info")
            return
        names = self.desk.view_names()
        called = texts.FUSED.format(a=names[left], b=names[right])

        def second(first: Path) -> Future[Any]:
            def fuse(other: Path) -> Future[str]:
                return self.studio.make_layer("fuse", called, {"left": first, "right": other})

            self._after(self.studio.source_of(right), fuse, self.desk.show_layer)
            done: Future[None] = Future()
            done.set_result(None)
            return done

        self._after(self.studio.source_of(left), second)

    def _write(self) -> None:
        name = str(self._format.value)
        kind, layer = split(self.desk.views[0])
        file = f"{self.studio.session.folder.name}-{layer}{'-raw' if kind == 'raw' else ''}"

        def write(result: Path) -> Future[Any]:
            return self.studio.export(result, name, file_name(file, name))

        def ready(made: Any) -> None:
            self.page.tell(texts.EXPORTED.format(name=made), "positive")
            ui.download(f"/export/{made}")

        self._after(self.studio.source_of(self.desk.views[0]), write, ready)

    def _wait(self, future: Future[Any], ready: Callable[[Any], None] | None = None) -> None:
        """Show what a process came to."""
        client = self.page.stage.client

        async def wait() -> None:
            try:
                value = await asyncio.wrap_future(future)
            except InputError as error:
                self.page.tell(str(error))
                return
            except asyncio.CancelledError:
                return
            with client:
                if ready is not None:
                    ready(value)
                self.page.refresh(force=True)

        task = asyncio.ensure_future(wait())
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)

    def _after(
        self,
        future: Future[Path],
        then: Callable[[Path], Future[Any]],
        ready: Callable[[Any], None] | None = None,
    ) -> None:
        self._wait(future, lambda path: self._wait(then(path), ready))

    # --- showing ---------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the session as it is."""
        objects = self.studio.session.project.objects
        rows = [(i, known.name, len(known.keys)) for i, known in objects.items()]
        if (rows, self.desk.object_id) != self._shown:
            self._shown = (rows, self.desk.object_id)
            self._list.clear()
            with self._list:
                for object_id, name, keys in rows:
                    self._row(object_id, name, keys)
                if not rows:
                    ui.label(texts.NO_OBJECT).classes("soft")
        working = self.studio.progress is not None
        self._start_row.set_visibility(not working)
        self._work_row.set_visibility(working)
        if self.studio.progress is not None:
            done, total = self.studio.progress
            self._bar.value = done / max(total, 1)
            self._told.text = self.desk.progress_text()
            self._pause.text = texts.RESUME if self.studio.held else texts.PAUSE
        self._making.text = self.desk.making_text()
        self._making.set_visibility(bool(self._making.text))
        self._mode.value = self.desk.mode
        names = self.desk.view_names()
        for side, select in enumerate(self._sides):
            if select.options != names or select.value != self.desk.views[side]:
                select.set_options(names, value=self.desk.views[side])
        self._sides[1].set_visibility(self.desk.mode != "single")
        looks = [] if working else self.desk.looks()
        if looks != self._listed:
            self._listed = looks
            self._look_list.clear()
            with self._look_list:
                for frame, doubt in looks:
                    text_button(
                        str(frame),
                        texts.DOUBT.format(doubt=doubt),
                        partial(self.page.stage.run_method, "seek", frame),
                    ).classes("small")
                if not looks:
                    ui.label(texts.REVIEW_NONE).classes("soft")

    def _row(self, object_id: int, name: str, keys: int) -> None:
        on = " on" if object_id == self.desk.object_id else ""
        with ui.element("div").classes("line").style("flex-wrap:nowrap;gap:0"):
            with (
                ui.element("button")
                .classes("object" + on)
                .on("click", lambda _: self.page.choose(object_id))
            ):
                ui.element("i").style(f"background:{color_of(object_id)}")
                with ui.element("span"):
                    ui.label(name)
                with ui.element("small"):
                    ui.label(f"{keys} key{'' if keys == 1 else 's'}")
            small("close", texts.REMOVE_OBJECT, lambda: self._remove(object_id))


_tasks: set[Any] = set()
"""Tasks that wait for processes; the loop itself does not hold them."""
