"""Images on the page, each in a frame that keeps its size."""

from __future__ import annotations

from nicegui import ui

from augreg.studio.elements.pixels import Picture

_TINY, _ENLARGED = 64, 168  # sides under the first are enlarged to at most the second


class Framed:
    """A place of a page for an image, which keeps its size, or for why there is none."""

    def __init__(self) -> None:
        with ui.element("div").classes("frame"):
            self._image = ui.element("img").props('alt="" decoding=sync')
            self._fault = ui.label().classes("fault")
        self.show("")

    def show(self, picture: Picture | str, name: str = "", room: int = 0) -> None:
        """Shows an image, or a text in its place.

        A tiny image is enlarged, so that one sees its pixels.

        Args:
            picture: the image or the text.
            name: what the image is, for screen readers; empty where what is around it says so.
            room: enlarges any image to about so many pixels; a whole number of times.
        """
        self._image.set_visibility(isinstance(picture, Picture))
        self._fault.set_text(picture if isinstance(picture, str) else "")
        if isinstance(picture, Picture):
            side = max(picture.width, picture.height)
            times = max(1, (room or (_ENLARGED if side < _TINY else 0)) // side)
            props = {"src": picture.url, "alt": name}
            sizes = {"width": picture.width * times, "height": picture.height * times}
            self._image.props.update(props | sizes)
            self._image.classes(**{"add" if times > 1 else "remove": "squares"})
