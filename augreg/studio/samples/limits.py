"""How large a sample may be, so that nine of them neither take gigabytes nor stop the page."""

from __future__ import annotations

from augreg.errors import DataError
from augreg.plan import plan
from augreg.policy import Policy

LARGEST = 4_000_000  # pixels; nine samples of so many take 1.5 GB while they are made


def check_sizes(policy: Policy, size: tuple[int, int]) -> None:
    """Checks that no step makes too large an image of one of this (height, width).

    Raises:
        DataError: one does, or the image itself is too large and `prepare` leaves it so.
        PolicyError: the policy can't work at this size.
    """
    planned = plan(policy, size=size)
    stages = (*planned.prepare, *planned.augment)
    for height, width in (planned.size_prepared, *(stage.size_out for stage in stages)):
        if height is not None and width is not None and height * width > LARGEST:
            raise DataError(
                f"the policy makes {width}x{height} pixels (width x height) of an image of "
                f"{size[1]}x{size[0]}; the studio shows samples of up to {LARGEST / 1e6:.0f} "
                'million pixels: put a smaller "resize" into "prepare"'
            )
