"""Which samples are shown: seed, epoch, image, and what the tiles differ in."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from nicegui import ui

from augreg.studio.elements.controls import LARGEST, action, icon, named, whole
from augreg.studio.panels.picker import Picker
from augreg.studio.session import EPOCHS, IMAGES, Session

_ACROSS = {EPOCHS: "Epochs", IMAGES: "Images"}


def toolbar(session: Session) -> None:
    """A row of controls that follows the view, and changes it."""
    view, last = session.view, len(session.pictures) - 1
    with ui.element("div").classes("toolbar").props('role=toolbar aria-label="Samples shown"'):
        with ui.element("div").classes("group"):
            seed = whole("Seed", view.seed, LARGEST, lambda value: session.look(seed=value))
            icon("New seed", "casino", lambda: session.look(seed=secrets.randbelow(1 << 16)))
        with ui.element("div").classes("group"):
            epoch = whole("Epoch", view.epoch, LARGEST, lambda value: session.look(epoch=value))
            icon("Earlier epochs", "chevron_left", _step(session, "epoch", -1, LARGEST))
            icon("Later epochs", "chevron_right", _step(session, "epoch", 1, LARGEST))
        with ui.element("div").classes("group"):
            index = whole("Image", view.index, last, lambda value: session.look(index=value))
            icon("Previous image", "chevron_left", _step(session, "index", -1, last))
            icon("Next image", "chevron_right", _step(session, "index", 1, last))
            name = action("", Picker(session).open).classes("name")
        across = ui.toggle(_ACROSS, value=view.across)
        across.on_value_change(lambda event: session.look(across=event.value))
        across.props("dense no-caps unelevated toggle-color=chosen toggle-text-color=chosen")
        across.props('role=group aria-label="Across epochs or images"')
        drawn = ui.switch("Annotations", value=view.annotations)
        drawn.on_value_change(lambda event: session.look(annotations=event.value)).props("dense")

    def follow() -> None:
        view = session.view
        for field, value in ((seed, view.seed), (epoch, view.epoch), (index, view.index)):
            field.set_value(value)
        across.set_value(view.across)
        drawn.set_value(view.annotations)
        title = session.pictures.name(view.index)
        named(name, f"Choose an image, now {title}").set_text(title)

    session.looked.subscribe(follow)
    follow()


def _step(session: Session, what: str, by: int, last: int) -> Callable[[], None]:
    """Goes on by as many as are shown of what the tiles differ in, else by one."""

    def act() -> None:
        view = session.view
        many = view.count if (what == "epoch") == (view.across == EPOCHS) else 1
        value = getattr(view, what) + by * many
        session.look(**{what: min(max(value, 0), last)})

    return act
