"""A sample in detail: large, beside its image, with what was drawn for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nicegui import ui

from augreg.errors import AugregError
from augreg.studio.again import caution, command, python
from augreg.studio.controls import icon, message
from augreg.studio.draws import rows_of, table
from augreg.studio.latest import Latest, in_thread
from augreg.studio.link import query_of
from augreg.studio.pixels import Picture
from augreg.studio.session import EPOCHS, Session
from augreg.studio.shown import Shown, key_text, keys_of, show

_ROOM = 400  # pixels


class Detail:
    """A dialog of the sample that a session has open; arrow keys go to the one before and after."""

    def __init__(self, session: Session) -> None:
        self.session, self.latest = session, Latest()
        self.address = str(ui.context.client.request.base_url)
        with (
            ui.dialog().props('aria-label="Sample in detail"') as self.dialog,
            ui.element("div").classes("detail"),
        ):
            with ui.element("div").classes("bar"):
                self.title = ui.label().props("role=heading aria-level=2")
                icon("Previous sample", "chevron_left", lambda: self.step(-1))
                icon("Next sample", "chevron_right", lambda: self.step(1))
                icon("Close", "close", self.dialog.close)
            self.status = message("alert")
            with ui.element("div").classes("pair"):
                self.figures = [_figure("Image"), _figure("Sample")]
            self.table = ui.html(sanitize=False).classes("draws")
            self.caution = message()
            self.texts = {name: _copied(name) for name in ("Link", "Command", "Python")}
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
            return
        self.status.set_text("")
        drawn = shown.pixels(session.view.annotations)
        for figure, pixels in zip(self.figures, (shown.photo.pixels, drawn), strict=True):
            figure(await in_thread(Picture.of, pixels))
        self.table.set_content(table(rows_of(policy, shown.sample.drawn)))
        self.caution.set_text(caution(session))
        self.texts["Link"](f"{self.address}?{query_of(session, whole=True)}")
        self.texts["Command"](command(session, key))
        self.texts["Python"](python(session, key))


def _figure(name: str) -> Callable[[Picture], None]:
    """A place for a picture, with its name and size; returns what fills it."""
    with ui.element("figure"):
        with ui.element("div").classes("frame"):
            image = ui.element("img").props(f'alt="{name}" decoding=sync')
        caption = ui.label(name).classes("caption")

    def fill(picture: Picture) -> None:
        picture.put(image, _ROOM)
        caption.set_text(f"{name}, {picture.size}")

    return fill


def _copied(name: str) -> Callable[[str], None]:
    """A text that a button copies; returns what sets it."""
    with ui.element("div").classes("copied") as row:
        ui.label(name)
        text = ui.label().classes("code").props("tabindex=0")
        icon(f"Copy {name.lower()}", "content_copy", lambda: ui.clipboard.write(text.text))

    def fill(value: str) -> None:
        text.set_text(value)
        row.set_visibility(bool(value))

    return fill
