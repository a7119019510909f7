"""Images after `prepare`, with what belongs to them: the same for many policies, so kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from weakref import ref

from augreg.backends.reference.run import Run, augmented
from augreg.plan.planner import same_for_all
from augreg.policy import Policy
from augreg.studio.samples.batches import Key
from augreg.views.batches import Element, options_of
from augreg.views.photos import Photo, element_of

_KEPT = 128  # images that stay in memory


class Prepared:
    """Makes them, and keeps the last ones; threads may share it."""

    def __init__(self) -> None:
        self._made: OrderedDict[Hashable, tuple[ref[Photo], Element]] = OrderedDict()
        self._lock = Lock()

    def element(self, policy: Policy, photo: Photo, key: Key, run: Run | None) -> Element:
        """An image after `prepare`. run: what does its stages; None: the reference.

        Raises:
            AugregError: the policy can't work on this image.
        """
        element, nodes = element_of(photo), policy.prepare_train
        if not nodes:
            return element
        place = id(photo), nodes, None if same_for_all(nodes) else key, run is None
        with self._lock:
            if place in self._made and self._made[place][0]() is photo:
                self._made.move_to_end(place)
                return self._made[place][1]
        seed, epoch, index = key
        options = options_of(policy, seed, element, photo.drawn.pairs, ("prepare",))
        made = augmented(element, options, [index], epoch, run)
        with self._lock:
            self._made[place] = ref(photo), made  # another may get its id
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
        return made
