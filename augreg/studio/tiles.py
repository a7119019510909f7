"""The tiles: samples of the policy, as training will see them."""

from __future__ import annotations

import base64
import io
from typing import Any

from nicegui import ui
from PIL import Image

from augreg.errors import AugregError
from augreg.studio.latest import Latest, in_thread
from augreg.studio.samples import Key, Sample
from augreg.studio.session import EPOCHS, Session
from augreg.views.overlay import Pixels


def tiles_panel(session: Session) -> None:
    """Nine samples, which follow the policy and the view."""
    latest = Latest()
    message = ui.label().classes("min-h-6").props("role=status")
    grid = ui.element("div").classes("grid grid-cols-3 gap-2")
    shown: list[tuple[Any, Any]] = []
    with grid:
        for _ in range(session.view.count):
            with ui.element("figure").classes("m-0"):
                shown.append((ui.element("img").classes("w-56 h-56 object-contain"), ui.label()))

    async def render() -> None:
        policy = session.policy
        if policy is None:
            return
        try:
            made = await in_thread(_samples, session)
        except AugregError as error:
            message.set_text(str(error))
            return
        message.set_text("")
        for (image, caption), sample in zip(shown, made, strict=False):
            seed, epoch, index = sample.key
            image.props["src"] = data_url(sample.pixels)
            image.props["alt"] = f"seed {seed}, epoch {epoch}, index {index}"
            image.update()
            caption.set_text(f"epoch {epoch}, index {index}")

    def ask() -> None:
        latest.ask(render)

    session.loaded.subscribe(ask)
    session.looked.subscribe(ask)
    ask()


def _samples(session: Session) -> list[Sample]:
    assert session.policy is not None
    keys = keys_of(session)
    photos = {index: session.pictures.photo(index) for _, _, index in keys}
    return session.renderer.samples(session.policy, [photos[key[2]] for key in keys], keys)


def keys_of(session: Session) -> list[Key]:
    """The samples that are shown."""
    view = session.view
    if view.across == EPOCHS:
        return [(view.seed, view.epoch + i, view.index) for i in range(view.count)]
    count = min(view.count, len(session.pictures) - view.index)
    return [(view.seed, view.epoch, view.index + i) for i in range(count)]


def data_url(pixels: Pixels) -> str:
    """An image as a PNG in an address, exact and without another request."""
    contents = io.BytesIO()
    grey = pixels.shape[-1] == 1
    Image.fromarray(pixels[..., 0] if grey else pixels).save(contents, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(contents.getvalue()).decode("ascii")
