"""The tiles: samples of the policy, as training will see them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nicegui import ui

from augreg.errors import AugregError
from augreg.policy import Policy
from augreg.studio.controls import LARGEST, message
from augreg.studio.latest import in_thread
from augreg.studio.pane import Pane
from augreg.studio.pixels import Picture
from augreg.studio.samples import Key, Renderer, Sample
from augreg.studio.session import EPOCHS, Session, View
from augreg.views.overlay import Pixels, draw
from augreg.views.photos import Photo


@dataclass
class Made:
    """What tiles show: a picture for each key, or why there is none; and how long it took."""

    policy: Policy
    tiles: dict[Key, Picture | str] = field(default_factory=dict)
    milliseconds: float = 0.0

    def __str__(self) -> str:
        samples = f"{len(self.tiles)} sample{'s' if len(self.tiles) != 1 else ''}"
        return f"{samples} in {self.milliseconds:.0f} ms, policy hash {self.policy.hash[:12]}"


def tiles_panel(session: Session, pane: Pane) -> None:
    """Nine samples, which follow the policy and the view."""
    status = message()
    with ui.element("div").classes("tiles").props('role=group aria-label="Samples"') as grid:
        tiles = [Tile(session) for _ in range(session.view.count)]

    def age() -> None:
        grid.classes(**{"add" if session.error else "remove": "stale"})
        if session.error:
            status.set_text("The policy has errors. These are samples of the last one without.")

    async def make() -> None:
        if session.policy is None:
            return
        view = session.view
        try:
            made = await in_thread(make_tiles, session, session.policy, view)
        except AugregError as error:
            grid.classes(add="stale")
            status.set_text(str(error))
            return
        for tile, key in zip(tiles, keys_of(view, len(session.pictures)), strict=False):
            tile.show(key, made.tiles[key])
        for tile in tiles[len(made.tiles) :]:
            tile.clear()
        status.set_text(str(made))
        age()

    pane.follow(make, session.loaded, session.looked)
    session.edited.subscribe(age)
    age()


class Tile:
    """A sample with its key and size, or an error in its place; opens the sample in detail."""

    def __init__(self, session: Session) -> None:
        self.key: Key | None = None
        self.session = session
        self.button = ui.element("button").classes("tile").on("click", self._open, [])
        with self.button:
            with ui.element("div").classes("frame"):
                self.image = ui.element("img").props('alt="" decoding=sync')
                self.fault = ui.label().classes("fault")
            with ui.element("div").classes("caption"):
                self.about, self.size = ui.label(), ui.label()
        self.clear()

    def _open(self) -> None:
        if self.key is not None:
            self.session.opened.emit(self.key)

    def show(self, key: Key, picture: Picture | str) -> None:
        """Shows the sample of the key, or why there is none."""
        self.key = key
        seed, epoch, index = key
        self.button.props["aria-label"] = f"Sample: seed {seed}, epoch {epoch}, index {index}"
        self.button.props["disabled"] = False
        self.about.set_text(f"epoch {epoch}, index {index}")
        fault = picture if isinstance(picture, str) else ""
        self.fault.set_text(fault)
        self.image.set_visibility(not fault)
        if isinstance(picture, Picture):
            picture.put(self.image)
            self.size.set_text(picture.size)
        else:
            self.size.set_text("")

    def clear(self) -> None:
        """Shows nothing, where there are fewer samples than tiles."""
        self.key = None
        self.button.props["aria-label"] = "No sample"
        self.button.props["disabled"] = True
        self.image.set_visibility(False)
        for label in (self.fault, self.about, self.size):
            label.set_text("")


def make_tiles(session: Session, policy: Policy, view: View) -> Made:
    """The samples of a view; takes a while.

    Raises:
        AugregError: the policy can't work on the image, or on any of the images.
    """
    start = time.perf_counter()
    made = Made(policy)
    keys = keys_of(view, len(session.pictures))
    photos: dict[int, Photo] = {}
    for index in {index for *_, index in keys}:
        try:
            photos[index] = session.pictures.photo(index)
        except AugregError as error:
            made.tiles.update({key: str(error) for key in keys if key[2] == index})
    kept = [key for key in keys if key[2] in photos]
    for key, sample in samples_of(session.renderer, policy, photos, kept):
        if isinstance(sample, Sample):
            made.tiles[key] = Picture.of(_drawn(sample, photos[key[2]], view))
        else:
            made.tiles[key] = str(sample)
    made.milliseconds = (time.perf_counter() - start) * 1000
    return made


def samples_of(
    renderer: Renderer, policy: Policy, photos: Mapping[int, Photo], keys: Sequence[Key]
) -> list[tuple[Key, Sample | AugregError]]:
    """A sample for each key; where images differ, an image may have an error of its own."""
    try:
        made = renderer.samples(policy, [photos[key[2]] for key in keys], keys)
    except AugregError:
        if len(photos) < 2:
            raise
    else:
        return list(zip(keys, made, strict=True))
    found: list[tuple[Key, Sample | AugregError]] = []
    for key in keys:
        try:
            found.append((key, renderer.samples(policy, [photos[key[2]]], [key])[0]))
        except AugregError as error:
            found.append((key, error))
    return found


def _drawn(sample: Sample, photo: Photo, view: View) -> Pixels:
    if not view.annotations:
        return sample.pixels
    return draw({"images": sample.pixels, **sample.parts}, photo.drawn.names)


def keys_of(view: View, images: int) -> list[Key]:
    """The samples that a view shows."""
    if view.across == EPOCHS:
        epochs = range(view.epoch, min(view.epoch + view.count, LARGEST + 1))
        return [(view.seed, epoch, view.index) for epoch in epochs]
    indices = range(view.index, min(view.index + view.count, images))
    return [(view.seed, view.epoch, index) for index in indices]
