"""The studio's server: how it starts, what it prints, how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.studio_process import StudioProcess

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_studio_prints_one_line_with_its_address(studio: StudioProcess) -> None:
    assert studio.lines == [f"augreg studio: {studio.origin}/?token={studio.token}"]


def test_page_shows_nine_samples(page: Page) -> None:
    page.wait_for_function("document.querySelectorAll('img[src^=data]').length >= 9")
