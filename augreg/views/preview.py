"""What a policy does, as a picture: each image beside samples of it, and each op alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image

from augreg.annotations.mixing import mixing_steps, pastes
from augreg.errors import PolicyError
from augreg.images import photo_paths
from augreg.lower.sampled import Drawn as Values
from augreg.policy import Policy, Step, steps_in
from augreg.random.distributions import Constant
from augreg.views import captions, page
from augreg.views.batches import Element
from augreg.views.explain import changed_arguments
from augreg.views.overlay import Drawn, draw
from augreg.views.photos import Photo, element_of, read_image
from augreg.views.samples import drawn_for, samples_of

_STEP_COPIES = 7  # which fill a row, with the image before the step


@dataclass(frozen=True)
class PreviewOptions:
    """What to show: `copies` samples of each image, sample c of image i at (epoch + c, index i).

    These are the draws of `augreg apply` with the same seed, images and order. `annotations` are
    drawn onto the images of these names, as they move. `photos` are shown in place of `images`.
    Images with a side of more than `tile` pixels are shown smaller, others as they are.
    """

    policy: Policy
    images: Sequence[Path] = ()
    seed: int = 0
    epoch: int = 0
    copies: int = 9
    each_step: bool = False
    annotations: Mapping[str, Drawn] = field(default_factory=dict)
    photos: Sequence[Photo] = ()
    tile: int = page.TILE


def preview(options: PreviewOptions) -> Image.Image:
    """The picture, in RGB. Without images, the embedded photographs are shown.

    Raises:
        ImageError: an image can't be read.
        DataError: the policy mixes images, and their sizes differ.
        PolicyError: the policy can't work at an image's size, or mixes and there is one image.
    """
    return page.render(preview_page(options))


def preview_page(options: PreviewOptions) -> page.Page:
    """What `preview` draws: each picture and each line of text, and where it stands."""
    policy = options.policy
    builder = page.Builder(page.text_width)
    builder.line(policy.name, page.HEADING)
    about = captions.policy_text(policy, options.seed, options.epoch, options.copies)
    builder.paragraph(f"{about} · sizes are width x height")
    shown = replace(options, policy=policy.as_bytes())
    for group in _groups(shown):
        _Group(shown, group, [element_of(photo) for photo in group]).add(builder)
    return builder.page()


def _groups(options: PreviewOptions) -> Iterator[list[Photo]]:
    """The images one by one, or together where the policy mixes them."""
    photos = iter(options.photos) if options.photos else _read(options)
    if mixing_steps(options.policy):
        yield list(photos)
    else:
        yield from ([photo] for photo in photos)


def _read(options: PreviewOptions) -> Iterator[Photo]:
    for index, path in enumerate(options.images or photo_paths()):
        drawn = options.annotations.get(path.name, Drawn())
        yield Photo(path.name, read_image(path), drawn, index)


@dataclass(frozen=True)
class _Group:
    """Images that are shown under one policy, which has uint8 output."""

    options: PreviewOptions
    photos: list[Photo]
    elements: list[Element]

    def add(self, builder: page.Builder) -> None:
        """Adds a block for each image: the original, its samples, and its steps."""
        policy, options = self.options.policy, self.options
        copies = [self._copies(policy, copy) for copy in range(options.copies)]
        for number, photo in enumerate(self.photos):
            samples = [copy[number] for copy in copies]
            side = max(page.COLUMN, *samples[0].shown)  # so that it takes no wider column
            original = self._cell(number, self.elements[number], side, "original")
            builder.space()
            builder.line(photo.title, page.TITLE, rest=f"samples {samples[0].size_text}")
            builder.cells([original, *samples])
            if options.each_step:
                for step, alone in _alone(policy):
                    self._add_step(builder, number, step, alone)

    def _copies(self, policy: Policy, copy: int) -> list[page.Cell]:
        """A sample of each image, with what was drawn for it."""
        cells = []
        for number, made in enumerate(self._made(policy, copy, range(len(self.photos)))):
            items = captions.steps_text(policy, self._drawn(policy, number, copy))
            label = self._label(number, copy)
            cells.append(self._cell(number, made, self.options.tile, label, items))
        return cells

    def _add_step(self, builder: page.Builder, number: int, step: Step, alone: Policy) -> None:
        """A row: the image as it comes to its section, then the step alone, always done."""
        builder.line(step.op.name, page.TITLE, rest=step.pointer)
        if about := _step_text(step):
            builder.paragraph(about)
        try:
            cells = self._step_cells(number, step, alone)
        except PolicyError as error:  # such as a crop that needs the padding before it
            builder.paragraph(f"not possible alone: {error.message}")
            builder.space()
        else:
            builder.cells(cells)

    def _step_cells(self, number: int, step: Step, alone: Policy) -> list[page.Cell]:
        draws = any(not isinstance(drawn, Constant) for _, drawn, _ in step.drawn())
        # without draws all are alike
        count = min(self.options.copies, _STEP_COPIES) if draws else 1
        numbers = range(len(self.photos)) if mixing_steps(alone) else [number]
        before = self.elements[number]
        if alone.augment:
            prepared = replace(alone, augment=())
            before = self._made(prepared, 0, [number])[0]
        cells = [self._cell(number, before, page.COLUMN, "before", ())]
        for copy in range(count):
            made = dict(zip(numbers, self._made(alone, copy, numbers), strict=True))[number]
            drawn = self._drawn(alone, number, copy).get(step.pointer, {})
            values = captions.telling(step.op, drawn)
            items = [captions.values_text({name: value}) for name, value in values.items()]
            label = self._label(number, copy)
            cells.append(self._cell(number, made, page.COLUMN, label, items))
        if len({cell.size_text for cell in cells}) > 1:
            cells = [replace(cell, items=[*cell.items, cell.size_text]) for cell in cells]
        return cells

    def _made(self, policy: Policy, copy: int, numbers: Sequence[int]) -> list[dict[str, object]]:
        """A sample of the images of these numbers."""
        return samples_of(
            policy,
            [self.elements[number] for number in numbers],
            [self.photos[number].index for number in numbers],
            seed=self.options.seed,
            epoch=self.options.epoch + copy,
            pairs=self.photos[0].drawn.pairs,
        )

    def _drawn(self, policy: Policy, number: int, copy: int) -> Values:
        seed, epoch = self.options.seed, self.options.epoch + copy
        return drawn_for(policy, self.elements[number], seed, epoch, self.photos[number].index)

    def _label(self, number: int, copy: int) -> str:
        return captions.sample_text(self.options.epoch + copy, self.photos[number].index)

    def _cell(
        self,
        number: int,
        element: Element,
        side: int,
        label: str,
        items: Sequence[str] | None = None,
    ) -> page.Cell:
        """An image with what belongs to it drawn, at the size at which it is shown."""
        names, numbered = self.photos[number].drawn.names, pastes(self.options.policy)
        pixels = draw(element, names, numbered=numbered)
        return page.Cell.within(pixels, side, label, items).reduced()


def _alone(policy: Policy) -> Iterator[tuple[Step, Policy]]:
    """Each step, and the policy of that step alone, with the draws that it has in the whole."""
    for step in steps_in(policy.prepare_train):
        yield step, replace(policy, prepare_train=(step.for_all(),), augment=())
    for step in steps_in(policy.augment):
        yield step, replace(policy, augment=(step.for_all(),))


def _step_text(step: Step) -> str:
    given = [f"{name} {value!s}" for name, value in changed_arguments(step).items()]
    chance = [f"{condition} (here always)" for condition in step.conditions]
    return ", ".join([*given, *chance])
