"""Work in threads: what a page hears of what it raises."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from augreg.errors import AugregError, ImageError
from augreg.studio.latest import in_thread


def worked(function: Callable[[], Any]) -> Any:
    """In a loop of its own: Playwright has one in this thread, where a test used it before."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(lambda: asyncio.run(in_thread(function))).result()


def reading(path: Path) -> Callable[[], str]:
    return lambda: path.read_text()


def test_result_is_passed_on() -> None:
    assert worked(lambda: 3) == 3


def test_error_of_ours_is_passed_on_as_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        raise ImageError("a.png: damaged")

    with pytest.raises(ImageError, match=r"^a\.png: damaged$"):
        worked(fails)
    assert capfd.readouterr() == ("", "")


def test_error_of_the_system_names_its_file(tmp_path: Path) -> None:
    with pytest.raises(AugregError) as raised:
        worked(reading(tmp_path / "none.json"))
    assert str(raised.value) == f"{tmp_path / 'none.json'}: No such file or directory"


@pytest.mark.parametrize(
    ("function", "said"),
    [(lambda: 1 // 0, "ZeroDivisionError"), (lambda: sys.exit("enough"), "SystemExit: enough")],
)
def test_error_of_a_plugin_is_a_message_and_a_traceback(
    function: Callable[[], Any], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AugregError, match=rf"^{said}.* \(the terminal says where\)$"):
        worked(function)
    assert f"{Path(__file__).name}" in capfd.readouterr().err
