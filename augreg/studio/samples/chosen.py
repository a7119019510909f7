"""The sample that a panel is about, as the functions of `augreg.views` take it."""

from __future__ import annotations

from augreg.plan import SECTIONS
from augreg.policy import Policy
from augreg.studio.samples.batches import Key
from augreg.studio.samples.limits import check_sizes
from augreg.studio.session import Session
from augreg.views.batches import options_of
from augreg.views.photos import Photo, element_of
from augreg.views.trace import Sample


def chosen_key(session: Session) -> Key:
    """The sample that is open in detail, or else the first that is shown."""
    view = session.view
    return session.detail or (view.seed, view.epoch, view.index)


def sample_of(policy: Policy, photo: Photo, key: Key) -> Sample:
    """The sample of an image and what belongs to it; boxes are xyxy.

    Raises:
        DataError: the policy makes too large an image of it.
        PolicyError: the policy can't work at this size.
    """
    height, width = photo.pixels.shape[:2]
    check_sizes(policy, (height, width))
    element, (seed, epoch, index) = element_of(photo), key
    rules = options_of(policy, seed, element, photo.drawn.pairs, SECTIONS).rules
    return Sample(element, seed, epoch, index, rules)
