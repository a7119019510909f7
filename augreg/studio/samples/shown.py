"""What a view shows: its samples, or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from augreg.errors import AugregError
from augreg.policy import Policy
from augreg.studio.elements.controls import LARGEST
from augreg.studio.elements.pixels import Picture
from augreg.studio.samples.batches import Key
from augreg.studio.samples.renderer import Sample
from augreg.studio.session import EPOCHS, Session, View
from augreg.views.captions import sample_text
from augreg.views.overlay import Pixels, draw
from augreg.views.photos import Photo, element_of

if TYPE_CHECKING:
    from augreg.studio.images.pictures import Pictures


@dataclass(frozen=True)
class Shown:
    """A sample, and the image that it was made of."""

    photo: Photo
    sample: Sample

    def pixels(self, annotations: bool) -> Pixels:
        """The sample's, with what belongs to it drawn, if it is to be."""
        return self._drawn({"images": self.sample.pixels, **self.sample.parts}, annotations)

    def image(self, annotations: bool) -> Pixels:
        """The image's, with what belongs to it drawn, if it is to be."""
        return self._drawn(element_of(self.photo), annotations)

    def _drawn(self, element: Mapping[str, Any], annotations: bool) -> Pixels:
        pixels: Pixels = element["images"]
        return draw(element, self.photo.drawn.names) if annotations else pixels


def picture_of(shown: Shown | str, annotations: bool) -> Picture | str:
    """A sample as a page shows it, or why there is none."""
    return Picture.of(shown.pixels(annotations)) if isinstance(shown, Shown) else shown


def keys_of(view: View, images: int) -> list[Key]:
    """The samples of a view."""
    if view.across == EPOCHS:
        epochs = range(view.epoch, min(view.epoch + view.count, LARGEST + 1))
        return [(view.seed, epoch, view.index) for epoch in epochs]
    indices = range(view.index, min(view.index + view.count, images))
    return [(view.seed, view.epoch, index) for index in indices]


def key_text(key: Key) -> str:
    """A key in words."""
    seed, epoch, index = key
    return f"seed {seed}, {sample_text(epoch, index)}"


def show(
    session: Session, policy: Policy, view: View, compiles: Callable[[], None] | None = None
) -> dict[Key, Shown | str]:
    """The samples of a view, in their order, each with its image or a reason; takes a while.

    Args:
        session: whose images and renderer are used.
        policy: that makes the samples.
        view: which samples.
        compiles: called first where a program has to be compiled, which takes seconds.

    Raises:
        AugregError: there is no sample of any image that can be read.
    """
    keys = keys_of(view, len(session.pictures))
    photos = _photos(session.pictures, {index for *_, index in keys})
    found: dict[Key, Photo] = {}
    made: dict[Key, Shown | str] = {}
    for key in keys:
        photo = photos[key[2]]
        made[key] = str(photo)
        if isinstance(photo, Photo):
            found[key] = photo
    if found:
        asked = policy, list(found.values()), list(found)
        if compiles is not None and session.renderer.will_compile(*asked):
            compiles()
        for sample in session.renderer.samples(*asked):
            shown = Shown(found[sample.key], sample)
            made[sample.key] = str(sample.error) if sample.error else shown
    return made


def _photos(pictures: Pictures, indices: set[int]) -> dict[int, Photo | AugregError]:
    """Images by their index, or why they can't be read."""
    photos: dict[int, Photo | AugregError] = {}
    for index in indices:
        try:
            photos[index] = pictures.photo(index)
        except AugregError as error:
            photos[index] = error
    return photos
