"""The page: what is where, and how events of the browser reach the desk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nicegui import ui

from spectrack.app import texts
from spectrack.app.desk import Desk
from spectrack.app.panels import Panels
from spectrack.app.parts import icon_button
from spectrack.app.places import UPLOAD_BYTES
from spectrack.app.stage import Stage
from spectrack.app.start import build_start
from spectrack.app.workspace import Workspace
from spectrack.errors import InputError

REFRESH_S = 0.1
"""How often a page looks whether something changed."""
CURVE_EVERY = 5
"""Of so many of these looks one draws the timeline anew, while a tracker works."""


def build_page(workspace: Workspace, upload_bytes: int = UPLOAD_BYTES) -> None:
    """Build the page for one visitor: the session that is open, or the choice of one."""
    ui.dark_mode(True)
    ui.add_css((Path(__file__).with_name("style.css")).read_text(encoding="utf-8"))
    ui.colors(primary="#2b6cb0")
    holder = ui.element("div").style("width:100%")

    def tell(sentence: str) -> None:
        ui.notify(sentence, position="top", timeout=6000, close_button=texts.CLOSE)

    def show() -> None:
        holder.clear()
        with holder:
            if workspace.studio is None:
                build_start(workspace, upload_bytes, show, tell)
            else:
                Page(workspace, leave)

    def leave() -> None:
        holder.clear()
        with holder:
            build_start(workspace, upload_bytes, show, tell)

    show()


class Page:
    """The page of an open session.

    Args:
        workspace: Its session is open.
        leave: Shows the first page.
    """

    def __init__(self, workspace: Workspace, leave: Callable[[], None]) -> None:
        assert workspace.studio is not None
        self.workspace, self.studio = workspace, workspace.studio
        self.desk = Desk(self.studio)
        self._generation = workspace.generation
        self._seen = (-1, "", "")
        self._looks = 0
        self._message = ""
        self._heard = 0
        self._tools: dict[str, ui.button] = {}
        with ui.element("div").classes("app"):
            self._build_head(leave)
            rail = ui.element("div").classes("app-rail")
            with ui.element("div").classes("app-main"):
                self.stage = Stage(
                    {
                        "ready": lambda told: self.refresh(force=True),
                        "tool": self._take_tool,
                        "brush": self._take_brush,
                        "frame": self._seek,
                        "box": lambda told: self._answer(told, self.desk.draw_box),
                        "stroke": lambda told: self._answer(told, self.desk.draw_stroke),
                        "point": self._click,
                        "command": lambda told: self.command(str(told.get("name"))),
                        "playing": self._playing,
                    },
                    self.desk.brush,
                    self._generation,
                )
                self._build_foot()
            with rail:
                self._build_rail()
            self.panels = Panels(self)
        ui.timer(REFRESH_S, self._look)

    # --- parts -----------------------------------------------------------------------------------

    def _build_head(self, leave: Callable[[], None]) -> None:
        about = self.studio.session.about
        with ui.element("div").classes("app-head"):
            with ui.element("b"):
                ui.label(texts.TITLE)
            width, height = about.size_wh
            shown = f"{about.video.name}  ·  {width}x{height}, {about.length} frames"
            ui.label(shown).classes("name").tooltip(str(self.studio.session.folder.name))
            self._undo = icon_button("undo", texts.UNDO, lambda: self.command("undo"))
            self._redo = icon_button("redo", texts.REDO, lambda: self.command("redo"))
            icon_button("keyboard", texts.HELP, lambda: self.command("help"))
            icon_button("folder_open", texts.OPEN, leave)

    def _build_rail(self) -> None:
        # What is drawn next must not wait for an answer of ours, so these go to the stage first.
        for tool, (icon, tip) in texts.TOOLS.items():
            self._tools[tool] = button = icon_button(icon, tip)
            button.on("click", js_handler=self._on_stage(f"take({tool!r})"))
        self._brush = (
            ui.slider(min=1, max=120, value=self.desk.brush)
            .props(f'vertical reverse dense aria-label="{texts.BRUSH}"')
            .classes("brush")
            .on("update:model-value", js_handler=self._on_stage("resize(value)"))
        )
        with self._brush:
            ui.tooltip(texts.BRUSH)
        self._light_tool()

    def _on_stage(self, call: str) -> str:
        """A handler in the browser that calls a method of the stage; ``value`` is the event's."""
        return f"(value) => getElement({self.stage.id}).{call}"

    def _build_foot(self) -> None:
        with ui.element("div").classes("app-foot"):
            icon_button("first_page", texts.FIRST_KEY, lambda: self.stage.run_method("jump", -1))
            icon_button(
                "chevron_left",
                texts.BACK,
                lambda: self.stage.run_method("seek", self.desk.frame - 1),
            )
            self._play = icon_button(
                "play_arrow", texts.PLAY, lambda: self.stage.run_method("play")
            )
            icon_button(
                "chevron_right",
                texts.AHEAD,
                lambda: self.stage.run_method("seek", self.desk.frame + 1),
            )
            icon_button("last_page", texts.NEXT_KEY, lambda: self.stage.run_method("jump", 1))
            self._info = ui.label("").classes("info").tooltip(texts.LEGEND)

    # --- events ----------------------------------------------------------------------------------

    def act(self, step: Callable[[], Any], force: bool = False) -> Any:
        """Do something and show what came of it, or say what is wrong with it.

        Args:
            step: What to do.
            force: Show the session anew also where nothing came of it.
        """
        try:
            return step()
        except InputError as error:
            self.tell(str(error))
            return None
        finally:
            self.refresh(force)

    def _answer(self, told: Mapping[str, Any], step: Callable[[Mapping[str, Any]], Any]) -> None:
        """Do what was drawn; from then on the stage shows what came of it, or nothing."""
        self._hear(told)
        self.act(lambda: step(told), force=True)

    def _hear(self, told: Mapping[str, Any]) -> None:
        count = told.get("number")
        self._heard = max(self._heard, count if isinstance(count, int) else 0)

    def tell(self, sentence: str, kind: str = "warning") -> None:
        """Show a sentence for a while."""
        kinds: Any = kind
        with self.stage:
            ui.notify(
                sentence,
                type=kinds,
                position="top",
                close_button=texts.CLOSE,
                color="blue-grey-10",
                textColor="white",
            )

    def command(self, name: str) -> None:
        """Something was asked for by its name: from a key or a button."""
        desk, studio = self.desk, self.studio
        if name in {"forward", "backward", "next", "all"}:
            self.panels.run(name)
        elif name.startswith("object") and name[6:].isdecimal():
            self.choose(int(name[6:]))
        elif name == "doubt":
            self.next_look()
        elif name == "help":
            _show_help()
        else:
            steps: dict[str, Callable[[], Any]] = {
                "undo": studio.undo,
                "redo": studio.redo,
                "add": self._add,
                "gone": lambda: studio.set_gone(desk.object(), desk.frame),
                "take": lambda: studio.take_mask(desk.object(), desk.frame, desk.views[0]),
                "unset": lambda: studio.take_back(desk.object(), desk.frame),
                "escape": studio.stop,
            }
            if name in steps:
                self.act(steps[name])

    def choose(self, object_id: int) -> None:
        """Another object is worked on."""
        if object_id in self.studio.session.project.objects:
            self.desk.object_id = object_id
            self.refresh(force=True)

    def next_look(self) -> None:
        """Go to the most doubtful frame, or from one of those to the next."""
        frames = [frame for frame, _ in self.desk.looks()]
        if not frames:
            self.tell(texts.REVIEW_NONE, "info")
            return
        place = frames.index(self.desk.frame) + 1 if self.desk.frame in frames else 0
        self.stage.run_method("seek", frames[place % len(frames)])

    def _add(self) -> None:
        self.desk.object_id = self.studio.add_object()

    def _seek(self, told: Mapping[str, Any]) -> None:
        frame = told.get("frame")
        if isinstance(frame, int) and 0 <= frame < self.studio.session.about.length:
            self.desk.frame = frame
            self.refresh(force=True, curve=False)

    def _playing(self, told: Mapping[str, Any]) -> None:
        icon = "pause" if told.get("playing") else "play_arrow"
        self._play.props(f"icon={icon}")

    def _take_tool(self, told: Mapping[str, Any]) -> None:
        if told.get("name") in self._tools:
            self.desk.tool = str(told["name"])
            self._light_tool()

    def _light_tool(self) -> None:
        for tool, button in self._tools.items():
            button.classes(add="on") if tool == self.desk.tool else button.classes(remove="on")

    def _take_brush(self, told: Mapping[str, Any]) -> None:
        self.act(lambda: self.desk.take_brush(told))
        self._brush.value = self.desk.brush

    def _click(self, told: Mapping[str, Any]) -> None:
        asked = self.act(lambda: self.desk.draw_click(told))

        def answered(_: Any = None) -> None:
            self._hear(told)
            self.refresh(force=True)

        if asked is None:
            answered()
        else:
            asyncio.wrap_future(asked).add_done_callback(answered)

    # --- showing ---------------------------------------------------------------------------------

    def _look(self) -> None:
        """Every tenth of a second: has something changed?"""
        if self._generation != self.workspace.generation:
            ui.navigate.reload()
            return
        self._looks += 1
        live = self.studio.live
        if live is not None and self.desk.watch and live != self.desk.frame:
            self.desk.frame = live
            self.stage.run_method("goto", live)
        if self.studio.message and self.studio.message != self._message:
            self.tell(self.studio.message)
        self._message = self.studio.message
        working = self.studio.progress is not None
        self.refresh(curve=not working or self._looks % CURVE_EVERY == 0)

    def refresh(self, force: bool = False, curve: bool = True) -> None:
        """Show the session as it is, where something changed.

        Args:
            force: Also where nothing did: the page itself looks elsewhere.
            curve: Draw the timeline, too.
        """
        if self.studio is not self.workspace.studio:
            return
        now = (self.studio.version, self.desk.progress_text(), self.desk.making_text())
        if now == self._seen and not force:
            return
        self.desk.keep_valid()
        state = self.desk.stage_state() | {"heard": self._heard}
        self.stage.run_method("apply", state)
        if curve:
            self.stage.run_method("setCurve", self.desk.curve())
            self._seen = now
        self._info.text = self.desk.frame_text()
        self._undo.set_enabled(self.studio.session.history.can_undo())
        self._redo.set_enabled(self.studio.session.history.can_redo())
        self.panels.refresh()


def _show_help() -> None:
    with ui.dialog(value=True) as dialog, ui.card(), ui.element("div").classes("keys"):
        for keys, what in texts.SHORTCUTS:
            with ui.element("b"):
                ui.label(keys)
            ui.label(what)
    dialog.on("hide", dialog.delete)
