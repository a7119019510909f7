"""Numbers as captions write them."""

from __future__ import annotations

import pytest

from augreg.views.captions import number_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (123456, "123456"),
        (0.05789, "0.0579"),
        (-12.34, "-12.3"),
        (999.4, "999"),
        (999.6, "1000"),
        (4821.2, "4821"),
    ],
)
def test_a_number_has_three_digits_and_no_exponent(value: float, text: str) -> None:
    assert number_text(value) == text
