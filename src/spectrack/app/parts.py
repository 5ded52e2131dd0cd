"""Small parts that the page is made of: panels, titles, buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui


def part() -> ui.element:
    """A panel."""
    return ui.element("div").classes("part")


def title(text: str) -> ui.element:
    """The title of a panel; buttons may stand beside it."""
    row = ui.element("div").classes("title")
    with row:
        ui.label(text)
    return row


def text_button(text: str, tip: str, act: Callable[[], Any]) -> ui.button:
    """A button with a word on it."""
    button = ui.button(text, on_click=lambda: act(), color=None)
    button.props("unelevated no-caps").classes("plain wide")
    if tip:
        with button:
            ui.tooltip(tip)
    return button


def icon_button(
    icon: str, tip: str, act: Callable[[], Any] | None = None, size: str = "md"
) -> ui.button:
    """A button with a picture on it."""
    button = ui.button(icon=icon, on_click=None if act is None else lambda: act(), color=None)
    button.props(f'flat dense size={size} aria-label="{tip}"')
    with button:
        ui.tooltip(tip)
    return button
