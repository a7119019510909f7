"""No fault is without a test that carries its number."""

from __future__ import annotations

import re
from pathlib import Path

FAULTS = 76


def test_every_fault_has_a_test() -> None:
    found: set[int] = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for numbers in re.findall(r"def test_fault((?:_\d\d)+)_", path.read_text()):
            found.update(int(number) for number in numbers.split("_")[1:])
    assert found == set(range(1, FAULTS + 1)), set(range(1, FAULTS + 1)) ^ found
