"""Samples of images with what belongs to them, and the values that were drawn for each.

Pixels come from the NumPy reference, so that they need no TensorFlow and are there in a second or
two; the kernels agree with it within 1/255 (DESIGN, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from augreg.annotations.asked import unasked
from augreg.annotations.mixing import mixing_steps
from augreg.backends.reference.run import augmented
from augreg.checks import InputRange, sample_key
from augreg.lower.sampled import Drawn, values_of
from augreg.policy import Policy
from augreg.views.batches import (
    Element,
    Pairs,
    answers_of,
    options_of,
    stacked,
    to_mix,
    unstacked,
)


def samples_of(
    policy: Policy,
    elements: Sequence[Element],
    places: Sequence[int],
    *,
    seed: int,
    epoch: int = 0,
    training: bool = True,
    pairs: Pairs = (),
    input_range: InputRange = None,
) -> list[dict[str, Any]]:
    """A sample of each element; of all together where the policy mixes them.

    What a policy asks of annotations that an element does not hold is left out.

    Args:
        policy: with the output that is wanted.
        elements: of uint8 or float images.
        places: the index of each.
        seed, epoch, training, input_range: as `augreg.augment` takes them.
        pairs: keypoints that change places in a mirrored image.

    Raises:
        DataError: the policy mixes images, and their sizes differ after "prepare".
        PolicyError: the policy can't work on an image, or mixes and there is a single one.
    """

    def run(element: Element, index: Sequence[int], **how: Any) -> Any:
        options = options_of(policy, seed, element, pairs, training=training, **how)
        return augmented(element, options, index, epoch)

    def alone(**how: Any) -> list[dict[str, Any]]:
        found = zip(elements, places, strict=True)
        return [run(one, [place], input_range=input_range, **how) for one, place in found]

    if not (training and len(elements) > 1 and mixing_steps(policy)):
        return alone()
    # one by one, as a dataset is: before "prepare" their sizes may differ
    batch = stacked(to_mix(policy, alone(sections=("prepare",))))
    made = run(batch, places, sections=("augment", "output"), input_range=(0, 1))
    return unstacked(made, len(elements))


def drawn_for(policy: Policy, element: Element, seed: int, epoch: int, place: int) -> Drawn:
    """The draws of the sample of an element that take effect; see `values_of`."""
    policy = unasked(policy, element)
    answers = answers_of(policy, stacked([element]))
    return values_of(policy, sample_key(seed, epoch, [place]), answers)[0]
