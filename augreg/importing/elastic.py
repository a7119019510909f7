"""The op `elastic` in place of displacements that other libraries make by blurring noise."""

from __future__ import annotations

import math

from augreg.importing.conversion import Given
from augreg.importing.nodes import Step
from augreg.importing.numbers import drawn, tidy

_FEWEST_CELLS, _MOST_CELLS = 2, 8
_MOST_AMOUNT = 0.48
# A control point moves by a uniform draw of up to `amount` cells, deviation amount / sqrt(3). Along
# each axis a cubic B-spline keeps 151/315 of the variance, its integral squared.
_DEVIATION = 151 / 315 / math.sqrt(3)
# Noise blurred by a Gaussian is correlated as exp(-d**2 / (4 sigma**2)), a cubic B-spline nearly as
# exp(-d**2 / (4/3 cell**2)).
_CELL = math.sqrt(3)


def like_blurred_noise(given: Given, sigma: float, moved: tuple[float, float]) -> Step:
    """`elastic` with waves as long as those of noise that was blurred by a Gaussian, where it can.

    Args:
        given: where the differences are noted.
        sigma: of the Gaussian, as a fraction of the image's side.
        moved: the range of the standard deviation of the displacement, as such a fraction.
    """
    given.differs("a grid of control points is drawn, with the same mean displacement")
    wanted = 1 / (_CELL * sigma) if sigma > 0 else math.inf
    if wanted > _MOST_CELLS:
        given.differs(f"waves are longer, {_MOST_CELLS} cells at most")
    cells = round(min(max(wanted, _FEWEST_CELLS), _MOST_CELLS))
    amounts = [deviation * cells / _DEVIATION for deviation in moved]
    if max(amounts) > _MOST_AMOUNT:
        given.differs(f"amount is {_MOST_AMOUNT} at most, so that nothing folds")
    amount = drawn(*(tidy(min(a, _MOST_AMOUNT)) for a in amounts))
    return {"op": "elastic", "amount": amount, "cells": cells}
