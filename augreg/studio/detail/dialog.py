"""A sample in detail: large, beside its image, with what was drawn for it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from nicegui import ui

from augreg.errors import AugregError
from augreg.studio.detail.again import caution, command, python
from augreg.studio.detail.draws import rows_of, table
from augreg.studio.detail.strength import Strength
from augreg.studio.elements.controls import action, icon, message
from augreg.studio.elements.framed import Framed
from augreg.studio.elements.pixels import Picture
from augreg.studio.latest import Latest, in_thread
from augreg.studio.link import query_of
from augreg.studio.samples.shown import Shown, key_text, keys_of, show
from augreg.studio.session import EPOCHS, Session

_ROOM = 360  # pixels


class Detail:
    """A dialog of the sample that a session has open; arrow keys go to the one before and after."""

    def __init__(self, session: Session) -> None:
        self.session, self.latest = session, Latest()
        self.texts: dict[str, str] = {}
        self.address = str(ui.context.client.request.base_url)
        with (
            ui.dialog().props('aria-label="Sample in detail" transition-duration=0') as self.dialog,
            ui.element("div").classes("detail"),
        ):
            with ui.element("div").classes("bar"):
                self.title = ui.label().props("role=heading aria-level=2")
                names = ("link", "command", "Python")
                self.copies = {
                    name: action(f"Copy {name}", partial(self._copy, name)) for name in names
                }
                action("Each step", self._steps)
                icon("Previous sample", "chevron_left", lambda: self.step(-1))
                icon("Next sample", "chevron_right", lambda: self.step(1))
                icon("Close", "close", self.dialog.close)
            self.status = message("alert")
            with ui.element("div").classes("pair"):
                self.figures = [_Figure("Image"), _Figure("Sample")]
            Strength(session)
            self.table = ui.html(sanitize=False).classes("draws")
            self.caution = message()
            self.code = ui.label().classes("code")
        self.dialog.on("keydown.left", lambda: self.step(-1), [])
        self.dialog.on("keydown.right", lambda: self.step(1), [])
        self.dialog.on_value_change(self._changed)
        for event in (session.opened, session.edited, session.looked):
            event.subscribe(self.follow)
        self.follow()

    def follow(self) -> None:
        """Shows what is open, or nothing."""
        key = self.session.detail
        self.dialog.set_value(key is not None)
        if key is not None:
            self.latest.ask(self._make)

    def step(self, by: int) -> None:
        """Goes to another sample; the tiles go with it where they don't show it."""
        session, view = self.session, self.session.view
        if session.detail is None:
            return
        across = "epoch" if view.across == EPOCHS else "index"
        seed, epoch, index = session.detail
        key = (seed, epoch + by, index) if view.across == EPOCHS else (seed, epoch, index + by)
        first = getattr(view, across)
        beyond = {across: max(first + by * view.count, 0)}
        if key in keys_of(view, len(session.pictures)):
            session.open(key)
        elif key in keys_of(replace(view, **beyond), len(session.pictures)):
            session.look(**beyond)
            session.open(key)

    def _steps(self) -> None:
        """Shows the sample after each of its steps, in place of the dialog."""
        if self.session.detail is not None:
            _, epoch, index = self.session.detail
            self.session.open(None)
            self.session.look(epoch=epoch, index=index)
            self.session.turn("show", "Filmstrip")

    def _copy(self, name: str) -> None:
        ui.clipboard.write(self.texts.get(name, ""))

    def _changed(self, event: Any) -> None:
        if not event.value:
            self.session.open(None)

    async def _make(self) -> None:
        session, key = self.session, self.session.detail
        policy = session.policy
        if key is None or policy is None:
            return
        self.title.set_text(f"Sample: {key_text(key)}")
        try:
            shown = (await in_thread(show, session, policy, session.view)).get(key, "")
        except AugregError as error:
            shown = str(error)
        if not isinstance(shown, Shown):
            self.status.set_text(shown)
            for figure in self.figures:
                figure.frame.show("")
            self.table.set_content("")
            return
        self.status.set_text("")
        both = shown.image(session.view.annotations), shown.pixels(session.view.annotations)
        for figure, pixels in zip(self.figures, both, strict=True):
            figure.show(await in_thread(Picture.of, pixels))
        self.table.set_content(table(rows_of(policy, shown.sample.drawn)))
        self.caution.set_text(caution(session))
        self.texts = {
            "link": f"{self.address}?{query_of(session, whole=True)}",
            "command": command(session, key),
            "Python": python(session, key),
        }
        for name, text in self.texts.items():
            self.copies[name].set_visibility(bool(text))
        self.code.set_text(f"{self.texts['command']}\n\n{self.texts['Python']}".rstrip())


class _Figure:
    """An image, large, with its name and size."""

    def __init__(self, name: str) -> None:
        self.name = name
        with ui.element("figure"):
            self.frame = Framed()
            self.caption = ui.label(name).classes("caption")

    def show(self, picture: Picture) -> None:
        """Shows an image."""
        self.frame.show(picture, self.name, _ROOM)
        self.caption.set_text(f"{self.name}, {picture.size}")
