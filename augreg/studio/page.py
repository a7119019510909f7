"""The page: where each panel is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui

from augreg.studio.detail.dialog import Detail
from augreg.studio.documents import Documents
from augreg.studio.elements.pane import Pane
from augreg.studio.elements.style import styled, theme_button
from augreg.studio.form.panel import form_panel
from augreg.studio.header.files import file_actions
from augreg.studio.link import follow
from augreg.studio.panels.compare import compare_panel
from augreg.studio.panels.costs import costs_panel
from augreg.studio.panels.film import film_panel
from augreg.studio.panels.sheet import sheet_panel
from augreg.studio.panels.tiles import tiles_panel
from augreg.studio.panels.toolbar import toolbar
from augreg.studio.session import Session
from augreg.studio.text.editor import text_panel
from augreg.studio.text.mistakes import mistakes_list

Panel = Callable[[Session, Pane], None]

# The tabs, by what is written on them. A panel that is new is one line here.
POLICY: Mapping[str, Panel] = {
    "Form": form_panel,
    "Text": text_panel,
}
SAMPLES: Mapping[str, Panel] = {
    "Samples": tiles_panel,
    "Filmstrip": film_panel,
    "Sheet": sheet_panel,
    "Costs": costs_panel,
    "Compare": compare_panel,
}


def build(session: Session, documents: Documents) -> None:
    """Builds the page of one tab of the browser."""
    styled()
    with ui.element("header").classes("head"):
        ui.label("augreg studio").classes("brand").props("role=heading aria-level=1")
        with ui.element("div").classes("actions").props('role=toolbar aria-label="Policy file"'):
            file_actions(session, documents)
        theme_button()
    with ui.element("div").classes("studio"):
        with _region("Policy"):
            _tabs(session, "edit", POLICY)
            mistakes_list(session)
        with _region("Samples") as samples:
            toolbar(session)
            _tabs(session, "show", SAMPLES)
    Detail(session)
    follow(session)
    if session.notice:
        ui.notify(session.notice, type="warning", timeout=0, close_button="Dismiss")
    ui.skip_link("Skip to the samples", target=samples)


def _region(name: str) -> Any:
    return ui.element("section").classes(name.lower()).props(f'aria-label="{name}"')


def _tabs(session: Session, group: str, panels: Mapping[str, Panel]) -> None:
    """Tabs, of which one panel is seen; the others stay as they are, and make nothing."""
    first, panes = next(iter(panels)), {}
    chosen = session.tabs.get(group, first)
    chosen = chosen if chosen in panels else first
    with ui.tabs().props("dense no-caps align=left") as tabs:
        for name in panels:
            ui.tab(name)
    for name, build_panel in panels.items():
        with (
            ui.element("div").classes("panel").props(f'role=tabpanel aria-label="{name}"') as place
        ):
            place.set_visibility(name == chosen)
            panes[name] = (place, Pane(name == chosen))
            build_panel(session, panes[name][1])

    def turn(event: Any) -> None:
        for name, (place, pane) in panes.items():
            place.set_visibility(name == event.value)
            pane.show(name == event.value)
        session.turn(group, event.value)

    tabs.set_value(chosen)
    tabs.on_value_change(turn)
    session.turned.subscribe(lambda: tabs.set_value(session.tabs.get(group, chosen)))
