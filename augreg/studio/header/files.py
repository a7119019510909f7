"""The buttons of the header, and their questions: open and save, undo, copy as Python."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from nicegui import ui

from augreg.errors import AugregError
from augreg.policy.given import ready_names
from augreg.studio.documents import ChangedError, Documents
from augreg.studio.elements.controls import action, icon
from augreg.studio.header.code import for_dataset, for_keras
from augreg.studio.latest import in_thread
from augreg.studio.session import Session

_OPEN, _OVERWRITE, _LOAD, _SAVE = "Open it", "Overwrite it", "Load it", "Save it"


def file_actions(session: Session, documents: Documents) -> None:
    """Open, save, undo, copy as Python; the file's name, with a mark where the text isn't saved."""
    files, client = Files(session, documents), ui.context.client
    with action("Open", lambda: fill()):
        menu = ui.menu()
    save = action("Save", files.save)
    action("Save as", files.save_as)
    undo = icon("Undo", "undo", session.undo)
    redo = icon("Redo", "redo", session.redo)
    _python_menu(session)
    name = ui.label().classes("file").props("role=status")

    def fill() -> None:
        """Lists what can be opened now."""
        menu.clear()
        lists = {"In the folder": documents.files(), "Ready policies": ready_names()}
        with menu:
            for title, found in lists.items():
                ui.item_label(title).props("header")
                for file in found:
                    ui.menu_item(Path(file).name, partial(files.open, file)).props("dense")

    def follow() -> None:
        changed = session.text != session.saved
        shown = Path(session.file).name
        name.set_text(f"{shown} (not saved)" if changed else shown)
        name.props["title"] = session.file
        save.set_enabled(changed)
        undo.set_enabled(session.history.can_undo)
        redo.set_enabled(session.history.can_redo)

    def watch() -> None:
        """Lets the browser ask before a page is left that has changes."""
        asks = "(event) => event.preventDefault()" if session.text != session.saved else "null"
        client.run_javascript(f"window.onbeforeunload = {asks}")

    def listen() -> None:
        buttons = {"save": save.id, "undo": undo.id, "redo": redo.id}
        client.run_javascript(f"({_keys()})({json.dumps(buttons)})")
        watch()

    for event in (session.edited, session.filed):
        event.subscribe(follow)
        event.subscribe(watch)
    client.on_connect(listen)
    follow()


@cache
def _keys() -> str:
    return Path(__file__).with_name("keys.js").read_text(encoding="utf-8")


def _python_menu(session: Session) -> None:
    """Copies the policy as Python."""

    def copy(make: Callable[[Session], str]) -> None:
        try:
            ui.clipboard.write(make(session))
        except json.JSONDecodeError:
            ui.notify("The text is no JSON yet, so there is nothing to copy.", type="warning")
            return
        ui.notify("Python is in the clipboard.")

    with action("Copy as Python", lambda: None), ui.menu():
        for title, make in (("augment_dataset", for_dataset), ("the Keras layer", for_keras)):
            ui.menu_item(f"For {title}", partial(copy, make)).props("dense")


class Files:
    """Opening and saving, with the questions that come up."""

    def __init__(self, session: Session, documents: Documents) -> None:
        self.session, self.documents = session, documents

    async def open(self, file: str) -> None:
        """Shows another policy."""
        name, session = Path(self.session.file).name, self.session
        changed = f"{name} has changes that are not saved."
        if session.text != session.saved and not await ask(changed, f"Open {file}?", _OPEN):
            return
        try:
            text = await in_thread(self.documents.read, file)
        except AugregError as error:
            ui.notify(str(error), type="negative", multi_line=True)
            return
        session.load(file, text)

    async def save(self) -> None:
        """Saves the text in its file."""
        session = self.session
        if self.documents.is_ready(session.file):
            await self.save_as()
        elif await self._may_save():
            await self._write(session.file, session.saved)

    async def save_as(self) -> None:
        """Asks for a name, and saves the text under it."""
        name = await _name(Path(self.session.file).stem + ".json", self.documents.folder)
        if name and await self._may_save():
            await self._write(self.documents.named(name), None)

    async def _may_save(self) -> bool:
        if self.session.error is None:
            return True
        return await ask("The policy has mistakes.", "Save it with them?", _SAVE) == _SAVE

    async def _write(self, file: str, over: str | None) -> None:
        session, text = self.session, self.session.text
        try:
            await in_thread(self.documents.write, file, text, over)
        except ChangedError as error:
            title = f"{Path(file).name} has another text by now."
            question = "Overwrite it with what is here, or load what is there?"
            answer = await ask(title, question, _OVERWRITE, _LOAD)
            if answer == _OVERWRITE:
                await self._write(file, error.text)
            elif answer == _LOAD:
                session.keep(file, error.text)
                session.write(error.text)
        except (AugregError, OSError) as error:
            ui.notify(f"It can't be saved: {error}", type="negative", multi_line=True)
        else:
            session.keep(file, text)
            ui.notify(f"Saved as {file}.")


async def ask(title: str, question: str, *answers: str) -> str | None:
    """The answer to a question; None where it is cancelled."""
    with ui.dialog() as dialog, ui.element("div").classes("ask"):
        dialog.props["aria-label"] = title
        ui.label(title).classes("section-title")
        ui.label(question)
        with ui.element("div").classes("answers"):
            for answer in answers:
                action(answer, partial(dialog.submit, answer))
            action("Cancel", lambda: dialog.submit(None))
    answered: str | None = await dialog
    dialog.delete()
    return answered


async def _name(first: str, folder: Path) -> str | None:
    """The name of a file to save in; None where it is cancelled."""
    with ui.dialog().props('aria-label="Save as"') as dialog, ui.element("div").classes("ask"):
        ui.label("Save as").classes("section-title")
        ui.label(f"A file in {folder.resolve()}").classes("faint")
        field = ui.input(value=first).props("dense outlined autofocus").classes("wide")
        field.props["aria-label"] = "File name"
        field.on("keydown.enter", lambda: dialog.submit(field.value), [])
        with ui.element("div").classes("answers"):
            action("Save", lambda: dialog.submit(field.value))
            action("Cancel", lambda: dialog.submit(None))
    name: str | None = await dialog
    dialog.delete()
    return name
