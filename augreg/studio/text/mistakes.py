"""What is wrong with the policy: a list below its form and its text."""

from __future__ import annotations

from nicegui import ui

from augreg.studio.elements.controls import message
from augreg.studio.session import Session
from augreg.studio.text.marks import Mark, marks_of


def mistakes_list(session: Session) -> None:
    """The mistakes with their lines; one that is chosen is shown in the text."""
    with ui.element("div").classes("mistakes").props('role=alert aria-label="Mistakes"') as place:
        pass

    shown: list[list[Mark]] = []

    def follow() -> None:
        marks = marks_of(session.text, session.error)
        if shown == [marks]:
            return
        shown[:] = [marks]
        place.clear()
        with place:
            for mark in marks:
                _row(session, mark)
            if not marks:
                message().set_text("No mistakes")

    session.edited.subscribe(follow)
    follow()


def _row(session: Session, mark: Mark) -> None:
    where = f"Line {mark.line}" + (f", {mark.pointer}" if mark.pointer else "")
    row = ui.element("button").classes("mistake").on("click", lambda: session.seek(mark.start), [])
    with row:
        ui.label(where).classes("where")
        ui.label(mark.message)
