"""The samples that a page shows, by training's kernels."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from augreg.annotations.parts import IMAGES
from augreg.backends.reference.pixels import Images, run_plan
from augreg.backends.reference.run import augmented
from augreg.checks import InputRange, sample_key
from augreg.errors import AugregError
from augreg.lower import Draws
from augreg.lower.sampled import Drawn, values_of
from augreg.plan import Plan
from augreg.policy import Policy
from augreg.studio.samples.batches import Item, Key, batches_of
from augreg.studio.samples.limits import check_sizes
from augreg.studio.samples.prepared import Prepared
from augreg.views.batches import options_of, stacked, unstacked
from augreg.views.overlay import Pixels
from augreg.views.photos import Photo

if TYPE_CHECKING:
    from augreg.backends.tensorflow.structured import Programs

KERNELS, REFERENCE = "kernels", "reference"
_SIZES = 2  # of images that programs are compiled for at once, as of upright and lying photographs


@dataclass(frozen=True)
class Sample:
    """One sample: what a policy makes of an image.

    Attributes:
        key: seed, epoch and index.
        pixels: uint8 [H,W,C].
        parts: what belongs to the image, moved; boxes are xyxy.
        drawn: step pointer -> parameter -> value, of the steps that are done; see `values_of`.
        sizes: (height, width) of the image as it came, after `prepare`, and at the end.
        computed_by: "kernels", those of training, or "reference", which is within 1 level of them:
            where no program is there, and none is worth compiling.
        error: why there is no sample of this image; then pixels are the image as it came.
    """

    key: Key
    pixels: Pixels
    parts: dict[str, Any] = field(default_factory=dict)
    drawn: Drawn = field(default_factory=dict)
    sizes: tuple[tuple[int, int], ...] = ()
    computed_by: str = KERNELS
    error: AugregError | None = None


class Renderer:
    """Makes samples; threads may share it.

    TensorFlow takes seconds to load, and does so in a thread. Until it is there, the reference
    makes what is asked for.
    """

    def __init__(self) -> None:
        loader = ThreadPoolExecutor(1)
        self._programs: Future[Programs] = loader.submit(_load)
        loader.shutdown(wait=False)
        self._prepared = Prepared()

    def wait(self) -> None:
        """Returns once the kernels are there."""
        self._programs.result()

    @property
    def is_loaded(self) -> bool:
        """Whether the kernels are there."""
        return self._programs.done()

    def samples(self, policy: Policy, photos: Sequence[Photo], keys: Sequence[Key]) -> list[Sample]:
        """A sample of each photo, one each for its key; those that a policy mixes, of each other.

        Sample (seed, epoch, index) equals that of every other way of running the policy, as uint8:
        each image goes through `prepare` by itself, then all together through `augment`. Pass the
        same `Photo` for the same image: what `prepare` makes of it is kept.

        Raises:
            AugregError: there is no sample of any image. Where there is none of some, theirs say
                why.
        """
        shown, made = policy.as_bytes(), dict[int, Sample]()
        batches = self._batches(shown, photos, keys, made)
        few = _are_few(batches)
        for batch in batches:
            run = _Run(self._loaded, compiles=few)
            try:
                for item, (moved, drawn) in zip(batch, _augmented(shown, batch, run), strict=True):
                    sizes = photos[item.number].pixels, item.element[IMAGES], moved[IMAGES]
                    made[item.number] = Sample(
                        item.key,
                        moved.pop(IMAGES),
                        moved,
                        drawn,
                        tuple(pixels.shape[:2] for pixels in sizes),
                        run.by,
                    )
            except AugregError as error:
                for item in batch:
                    made[item.number] = _failed(photos[item.number], item.key, error)
        samples = [made[i] for i in range(len(photos))]
        errors = [sample.error for sample in samples if sample.error is not None]
        if errors and len(errors) == len(samples):
            raise errors[0]
        return samples

    def will_compile(self, policy: Policy, photos: Sequence[Photo], keys: Sequence[Key]) -> bool:
        """Whether `samples` will compile a program first, which may take seconds."""
        shown, asked = policy.as_bytes(), _Asked(self._loaded)
        try:
            batches = self._batches(shown, photos, keys, {})
            for batch in batches if _are_few(batches) else ():
                _augmented(shown, batch, asked)
        except AugregError:  # `samples` will say so
            return False
        return asked.compiles

    def _batches(
        self, policy: Policy, photos: Sequence[Photo], keys: Sequence[Key], made: dict[int, Sample]
    ) -> list[list[Item]]:
        """Batches of images after `prepare`; where it fails, the sample is `made`."""
        run, items = None, []
        if self._loaded is not None:
            from augreg.backends.tensorflow.structured import prepared

            run = prepared
        checked = set[tuple[int, ...]]()
        for i, (photo, key) in enumerate(zip(photos, keys, strict=True)):
            size = photo.pixels.shape[:2]
            try:
                if size not in checked:
                    check_sizes(policy, size)
                    checked.add(size)
                element = self._prepared.element(policy, photo, key, run)
            except AugregError as error:
                made[i] = _failed(photo, key, error)
            else:
                items.append(Item(i, key, element, photo.drawn.pairs))
        return batches_of(policy, items)

    @property
    def _loaded(self) -> Programs | None:
        return self._programs.result() if self._programs.done() else None


def _load() -> Programs:
    # not `uncollected`, which would keep the sessions of pages that are open by now for ever
    from augreg.backends.tensorflow.structured import Programs

    return Programs()


class _Run:
    """Does a plan's stages to a batch. answers: what annotations said of what its steps ask."""

    def __init__(self, programs: Programs | None, compiles: bool) -> None:
        self.programs, self.compiles = programs, compiles
        self.by, self.answers = KERNELS, dict[Any, Any]()

    def __call__(self, planned: Plan, draws: Draws, images: Images, unit: InputRange) -> Images:
        self.answers = dict(draws.answers)
        if not planned.augment:
            return run_plan(planned, draws, images, unit)  # bytes as they are
        made = None
        if self.programs is not None:
            lowered = self.programs.lowered(planned, draws, len(images))
            if self.compiles or self.programs.is_ready(lowered, images):
                made = self.programs.run(lowered, images)
        if made is None:
            self.by, made = REFERENCE, run_plan(planned, draws, images, unit)
        return made


class _Asked:
    """Looks whether there is a program for a plan, in place of running it."""

    def __init__(self, programs: Programs | None) -> None:
        self.programs, self.compiles = programs, False
        self.answers = dict[Any, Any]()

    def __call__(self, planned: Plan, draws: Draws, images: Images, _: InputRange) -> Images:
        if planned.augment and self.programs is not None:
            lowered = self.programs.lowered(planned, draws, len(images))
            self.compiles |= not self.programs.is_ready(lowered, images)
        return images


def _are_few(batches: Sequence[Sequence[Item]]) -> bool:
    """Whether the images have so few sizes that it is worth compiling a program for each."""
    return len({batch[0].element[IMAGES].shape for batch in batches}) <= _SIZES


def _augmented(
    policy: Policy, batch: Sequence[Item], run: _Run | _Asked
) -> list[tuple[dict[str, Any], Drawn]]:
    """Elements after `augment`, and what was drawn for each."""
    seed, epochs, places = batch[0].key[0], *zip(*(item.key[1:] for item in batch), strict=True)
    element = stacked([item.element for item in batch])
    options = options_of(policy, seed, element, batch[0].pairs, ("augment", "output"))
    key = sample_key(seed, np.array(epochs), np.array(places))
    moved = augmented(element, options, key.index, key.epoch, run)
    drawn = values_of(options.policy, key, run.answers)
    return list(zip(unstacked(moved, len(batch)), drawn, strict=True))


def _failed(photo: Photo, key: Key, error: AugregError) -> Sample:
    return Sample(key, photo.pixels, error=error)
