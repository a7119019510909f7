"""The policy as text."""

from __future__ import annotations

from nicegui import ui

from augreg.studio.pane import Pane
from augreg.studio.session import Session


def text_panel(session: Session, _: Pane) -> None:
    """An editor of the text, and what is wrong with it."""
    editor = ui.codemirror(session.text, language="JSON").classes("w-full")
    message = ui.label().classes("text-negative whitespace-pre-wrap").props("role=alert")

    def follow() -> None:
        if editor.value != session.text:
            editor.set_value(session.text)
        message.set_text(str(session.error or ""))

    editor.on_value_change(lambda event: session.write(event.value))
    session.edited.subscribe(follow)
    follow()
