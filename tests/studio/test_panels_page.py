"""The panels that measure, in a browser."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np

import augreg
from augreg.policy import find_policy
from studio.looks import by_kernels, pixels_of, status, tile, write

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

FLOWERS = find_policy("flowers").read_text()
SHARED = "flip, rotate, zoom and translate share one resample"


def panel(page: Page, name: str) -> Locator:
    """The panel of a tab, which is chosen."""
    page.get_by_role("tab", name=name).click()
    return page.get_by_role("tabpanel", name=name)


def written(page: Page, text: str) -> None:
    """Waits until the text of the policy has this in it."""
    page.get_by_role("tab", name="Text").click()
    page.locator(".cm-content").filter(has_text=text).wait_for()


def test_filmstrip_shows_each_step_and_what_shares_a_resample(page: Page) -> None:
    by_kernels(page)
    sample = pixels_of(tile(page, 0).locator("img"))
    strip = panel(page, "Filmstrip")
    frames = strip.get_by_role("img")
    strip.get_by_role("img", name="after saturation").wait_for()
    assert frames.count() == 9  # the image, and eight steps
    assert strip.get_by_role("group", name=SHARED).get_by_role("img").count() == 4
    caption = strip.locator("figure").filter(has_text="rotate").first.inner_text()
    assert re.search(r"degrees -?[\d.]+\nas if the policy ended here\n180 x 180 px", caption)
    last = pixels_of(frames.last)
    assert np.abs(last.astype(int) - sample).max() <= 1  # the reference beside the kernels

    strip.get_by_role("button", name="Show zoom at /augment/2").click()
    page.wait_for_function("document.activeElement.classList.contains('cm-content')")
    page.keyboard.type("#")
    page.locator(".cm-line").filter(has_text=re.compile('^ *#{"op": "zoom"')).wait_for()
    strip.get_by_text("The policy has errors. This is the last one without.").wait_for()
    assert strip.locator(".stale").count() == 1
    write(page, FLOWERS)
    strip.locator(".stale").wait_for(state="detached")


def test_a_hidden_panel_makes_nothing(page: Page) -> None:
    by_kernels(page)
    assert page.locator(".strip img, .sheet img, .costs table").count() == 0
    panel(page, "Filmstrip").get_by_role("img", name="after saturation").wait_for()
    page.get_by_role("tab", name="Samples").click()
    words = page.locator(".strip figure").filter(has_text="rotate")
    before = words.text_content()
    other = FLOWERS.replace("[-30, 30]", "[25.5, 25.6]")
    write(page, other)
    status(page).filter(has_text=augreg.load_policy(json.loads(other)).hash[:12]).wait_for()
    assert words.text_content() == before
    panel(page, "Filmstrip").get_by_text("degrees 25.").wait_for()


def test_sheet_has_a_row_for_each_step(page: Page) -> None:
    sheet = panel(page, "Sheet")
    sheet.get_by_role("group", name="saturation at /augment/6").get_by_role("img").nth(3).wait_for()
    assert sheet.get_by_role("group").count() == 8
    rotate = sheet.get_by_role("group", name="rotate at /augment/1").locator("figure")
    assert [one.split("\n")[0] for one in rotate.all_inner_texts()] == [
        "before",
        "5 %",
        "50 %",
        "95 %",
    ]
    assert "degrees 27" in rotate.last.inner_text()


def test_what_a_step_cannot_do_alone_is_said_in_its_place(page: Page) -> None:
    sheet = panel(page, "Sheet")
    sheet.get_by_role("group").nth(7).wait_for()
    ops = {"pad_or_crop": 400, "crop": 390}
    steps = [{"op": op, "height": side, "width": side} for op, side in ops.items()]
    write(page, json.dumps({"version": 1, "augment": steps}))
    alone = sheet.get_by_role("group", name="crop at /augment/1")
    alone.get_by_text("390").first.wait_for()
    assert alone.get_by_role("img").count() == 1  # before it
    sheet.get_by_role("group").nth(2).wait_for(state="detached")


def test_costs_are_measured_stage_by_stage(page: Page) -> None:
    costs = panel(page, "Costs")
    rows = costs.get_by_role("row")
    rows.filter(has_text="/augment/6 saturation").wait_for()
    assert costs.get_by_text("not measured").count() == 3
    assert "prepare ends before augment" in rows.filter(has_text="resample").inner_text()
    costs.get_by_role("button", name="Measure times").click()
    costs.get_by_text("Median times on this machine's CPU, 12 copies").wait_for()
    assert costs.get_by_text("not measured").count() == 0
    total = costs.get_by_role("row", name="All").inner_text()
    assert re.search(r"\d+ µs", total)


def test_too_strong_asks_before_it_changes_the_text_and_undo_takes_it_back(page: Page) -> None:
    by_kernels(page)
    tile(page, 2).click()
    strength = page.get_by_role("group", name="Strength")
    strength.get_by_role("button", name="Too strong").click()
    apply = strength.get_by_role("button", name="Apply")
    apply.wait_for()
    said = strength.get_by_role("status").inner_text()
    assert re.fullmatch(
        r"zoom at /augment/2 drew factor 1\.13: \d+ % of its draws are lower\.", said
    )
    assert strength.get_by_text("[0.9, 1.3] → [0.9, 1.12]").is_visible()
    strength.get_by_role("button", name="Keep").click()
    apply.wait_for(state="hidden")

    strength.get_by_role("button", name="Too strong").click()
    apply.click()
    strength.get_by_text("/augment/2/factor is now [0.9, 1.12].").wait_for()
    page.keyboard.press("Escape")
    written(page, '"factor": [0.9, 1.12], "fill": "reflect"')
    page.get_by_role("button", name="Undo").first.click()
    written(page, '"factor": [0.9, 1.3], "fill": "reflect"')


def test_steps_of_the_sample_in_detail(page: Page) -> None:
    by_kernels(page)
    tile(page, 5).click()
    page.get_by_role("button", name="Each step").click()
    strip = page.get_by_role("tabpanel", name="Filmstrip")
    strip.get_by_text("seed 0, epoch 5, index 0, after each step").wait_for()
    page.get_by_role("dialog", name="Sample in detail").wait_for(state="hidden")
