"""The policy as text: an editor that marks mistakes, completes and explains."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from nicegui import ui

from augreg.plugin.registry import default_registry
from augreg.studio.elements.pane import Pane
from augreg.studio.session import Session
from augreg.studio.text.completion import Completer
from augreg.studio.text.marks import marks_of

NAME = "Policy as JSON"


@cache
def _script() -> str:
    return Path(__file__).with_name("editor.js").read_text(encoding="utf-8")


def text_panel(session: Session, _: Pane) -> None:
    """An editor of the text; mistakes are underlined, and explained where the pointer rests."""
    editor = ui.codemirror(
        session.text,
        language="JSON",
        indent="  ",
        line_wrapping=True,
        keymap={
            "Mod-z": session.undo,
            "Mod-y": session.redo,
            "Mod-Shift-z": session.redo,
        },
    )
    completer = Completer(default_registry())
    client = ui.context.client

    def follow() -> None:
        if editor.value != session.text:
            editor.set_value(session.text)
        mark()

    def mark() -> None:
        text = session.text
        marks = marks_of(text, session.error)
        spans = [[_units(text, one.start), _units(text, one.end)] for one in marks]
        call("mark", _units(text, len(text)), spans)

    def answer(event: Any) -> None:
        about = {"complete": _completion, "explain": _explanation}[event.args["about"]]
        offset = _offset(session.text, event.args["position"])
        call("answer", event.args["number"], about(completer, session, offset))

    def show(offset: int) -> None:
        call("seek", _units(session.text, offset))

    def call(name: str, *arguments: Any) -> None:
        """Calls a function of the script, once it is there."""
        given = ", ".join(map(json.dumps, arguments))
        client.run_javascript(f"getElement({editor.id})?.{name}?.({given})")

    def complete_editor() -> None:
        client.run_javascript(f"({_script()})({editor.id}, {json.dumps(NAME)})")

    editor.on_value_change(lambda event: session.write(event.value))
    editor.on("ask", answer)
    editor.on("ready", mark, [])
    client.on_connect(complete_editor)
    session.edited.subscribe(follow)
    session.sought.subscribe(show)


def _completion(completer: Completer, session: Session, offset: int) -> dict[str, Any] | None:
    """A completion as CodeMirror takes it."""
    text = session.text
    found = completer.complete(text, offset)
    if found is None:
        return None
    options = [
        {
            "label": one.label,
            "apply": one.written,
            "detail": one.detail,
            "info": one.info,
        }
        for one in found.options
    ]
    return {
        "from": _units(text, found.start),
        "to": _units(text, found.end),
        "options": options,
    }


def _explanation(completer: Completer, session: Session, offset: int) -> dict[str, Any] | None:
    """What is wrong at an offset, and what stands there: paragraphs with their classes."""
    text = session.text
    wrong = [one for one in marks_of(text, session.error) if one.start <= offset <= one.end]
    about = completer.explain(text, offset)
    paragraphs = [("wrong", one.message) for one in wrong]
    if about is not None:
        paragraphs += [("title", about.title), ("", about.text)]
    if not paragraphs:
        return None
    start, end = (wrong[0].start, wrong[0].end) if about is None else (about.start, about.end)
    return {"from": _units(text, start), "to": _units(text, end), "paragraphs": paragraphs}


def _units(text: str, offset: int) -> int:
    """An offset in UTF-16 code units, as JavaScript counts."""
    return len(text[:offset].encode("utf-16-le", "surrogatepass")) // 2


def _offset(text: str, units: int) -> int:
    """An offset in characters, of one in UTF-16 code units."""
    before = text.encode("utf-16-le", "surrogatepass")[: 2 * units]
    return len(before.decode("utf-16-le", "replace"))
