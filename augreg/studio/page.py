"""The page: where each panel stands."""

from __future__ import annotations

from nicegui import ui

from augreg.studio.session import Session
from augreg.studio.text import text_panel
from augreg.studio.tiles import tiles_panel


def build(session: Session) -> None:
    """Builds the page of one tab."""
    with ui.row().classes("w-full no-wrap items-start"):
        with ui.column().classes("w-2/5"):
            text_panel(session)
        with ui.column().classes("grow"):
            tiles_panel(session)
