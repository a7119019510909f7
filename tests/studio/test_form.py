"""The policy as a form, in a browser: sliders, cards that are dragged, steps to add, files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from augreg.policy import find_policy
from studio.looks import by_kernels, tile, write

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from studio.conftest import StartStudio

FLOWERS = find_policy("flowers").read_text()


# The text as the editor has it, also where the editor is hidden.
TEXT = "getElement(document.querySelector('.nicegui-codemirror').id.slice(1)).editor.state.doc"


def text(page: Page) -> str:
    return str(page.evaluate(f"{TEXT}.toString()"))


def policy(page: Page) -> Any:
    return json.loads(text(page))


def follows(page: Page, words: str) -> None:
    """Waits until the text has these words."""
    page.wait_for_function(f"words => {TEXT}.toString().includes(words)", arg=words)


def opened(page: Page, name: str) -> Locator:
    """The card of a step, opened."""
    card = page.get_by_role("listitem").filter(
        has=page.get_by_role("button", name=f"Move {name}", exact=True)
    )
    card.locator(".card-title").first.click()
    return card


def test_a_slider_changes_the_text_and_the_tile(page: Page) -> None:
    from playwright.sync_api import expect

    by_kernels(page)
    before = tile(page, 1).locator("img").get_attribute("src")
    slider = opened(page, "rotate").get_by_role("slider", name="degrees")
    box = slider.bounding_box()
    assert box is not None
    at = box["x"] + box["width"] * (30 + 360) / 720  # the upper of the handles at -30 and 30
    middle = box["y"] + box["height"] / 2
    page.mouse.move(at, middle)
    page.mouse.down()
    page.mouse.move(at + 20, middle, steps=5)
    page.mouse.move(box["x"] + box["width"] + 20, middle, steps=5)
    page.mouse.up()
    follows(page, '"degrees": [-30, 360]')
    page.wait_for_function(
        "before => document.querySelectorAll('.tile img')[1].src != before", arg=before
    )
    expect(page.get_by_role("spinbutton", name="degrees to")).to_have_value("360")
    assert text(page) == FLOWERS.replace("[-30, 30]", "[-30, 360]")


def test_fields_and_choices_change_the_text_and_say_what_is_wrong(page: Page) -> None:
    card = opened(page, "saturation")
    card.get_by_role("spinbutton", name="factor to").fill("9")
    follows(page, '"factor": [0.7, 9]')
    card.get_by_text('9 is above 4.0, the most that "saturation" takes').wait_for()
    card.get_by_role("spinbutton", name="factor to").fill("1.5")
    follows(page, '"factor": [0.7, 1.5]')
    card.get_by_role("combobox", name="Kind of factor").click()
    page.get_by_role("option", name="normal").click()
    follows(page, '"factor": {"normal": [1.1, 0.2]}')
    card.get_by_role("spinbutton", name="factor deviation").fill("0.1")
    follows(page, '"factor": {"normal": [1.1, 0.1]}')
    card.get_by_role("combobox", name="Set another").click()
    page.get_by_role("option", name="id").click()
    card.get_by_role("textbox", name="id").fill("mine")
    follows(page, '"p": 0.5, "id": "mine"}')
    card.get_by_role("button", name="Remove p").click()
    follows(page, '"factor": {"normal": [1.1, 0.1]}, "id": "mine"}')
    page.get_by_role("combobox", name="Output values").click()
    page.get_by_role("option", name="-1 to 1").click()
    follows(page, '"output": {"dtype": "float32", "range": [-1, 1]}')


def test_the_form_follows_the_text(page: Page) -> None:
    card = opened(page, "rotate")
    slider = card.get_by_role("slider", name="degrees")
    write(page, FLOWERS.replace("[-30, 30]", "[-45, 15]").replace('"hue"', '"Hue"'))
    page.get_by_role("tab", name="Form").click()
    card.get_by_text("degrees -45 to 15").wait_for()
    assert slider.get_attribute("aria-valuenow") == "-45|15"
    write(page, FLOWERS[:-3])
    page.get_by_role("tab", name="Form").click()
    page.get_by_text("The form comes back when it is.").wait_for()
    assert page.locator(".form").get_attribute("inert") is not None
    write(page, FLOWERS)
    page.get_by_role("tab", name="Form").click()
    card.get_by_text("degrees -30 to 30").wait_for()


def drag(page: Page, name: str, onto: str) -> None:
    """Drags a card before another one, step by step as a hand does."""
    handle = page.get_by_role("button", name=f"Move {name}", exact=True)
    goal = page.get_by_role("button", name=f"Move {onto}", exact=True)
    handle.scroll_into_view_if_needed()
    handle.hover()
    page.mouse.down()
    for _ in range(3):  # the others make room, and with them the goal may move
        box = goal.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 12, box["y"] + 4, steps=12)
        page.wait_for_timeout(200)
    page.mouse.up()


def names(steps: list[Any]) -> list[str]:
    return [step.get("op") or next(iter(step)) for step in steps]


def test_steps_are_dragged_grouped_copied_and_removed(page: Page) -> None:
    drag(page, "saturation", "zoom")
    follows(page, '"p": 0.5},\n    {"op": "zoom"')
    before = ["flip", "rotate", "saturation", "zoom", "translate", "brightness", "contrast"]
    assert names(policy(page)["augment"]) == before
    page.get_by_role("button", name="More for zoom").click()
    page.get_by_text("Put into one_of").click()
    follows(page, '{"one_of": [{"op": "zoom", "factor": [0.9, 1.3], "fill": "reflect"}]}')
    drag(page, "translate", "zoom")
    page.wait_for_function(f"JSON.parse({TEXT}.toString()).augment[3].one_of?.length == 2")
    assert set(names(policy(page)["augment"][3]["one_of"])) == {"zoom", "translate"}
    page.get_by_role("button", name="More for one_of").click()
    page.get_by_text("Ungroup").click()
    page.wait_for_function("document.querySelectorAll('.card .card').length == 0")
    assert sorted(names(policy(page)["augment"])) == sorted(before)
    page.get_by_role("button", name="More for flip").click()
    page.get_by_text("Duplicate").click()
    page.get_by_role("button", name="More for flip").nth(1).click()
    page.get_by_text("Remove", exact=True).click()
    page.wait_for_function(f'!{TEXT}.toString().match(/"flip"[^]*"flip"/)')
    assert sorted(names(policy(page)["augment"])) == sorted(before)


def test_steps_move_by_the_keyboard_which_stays_with_them(page: Page) -> None:
    handle = page.get_by_role("button", name="Move saturation")
    handle.focus()
    handle.press("ArrowUp")
    follows(page, '"p": 0.5},\n    {"op": "contrast"')
    page.wait_for_function("document.activeElement.getAttribute('aria-label') == 'Move saturation'")
    page.keyboard.press("ArrowDown")
    follows(page, '"p": 0.5}\n  ],')
    assert text(page) == FLOWERS


def test_a_step_is_searched_and_added_with_its_card_open(page: Page) -> None:
    page.get_by_role("button", name="Add step to Augment").click()
    search = page.get_by_role("textbox", name="Search steps")
    search.fill("RandomPosterize")
    row = page.get_by_role("listitem").filter(has_text="posterize").locator("img[src^=data]")
    row.wait_for()
    assert page.locator(".palette-row:visible").count() == 1
    search.fill("SmallestMaxSizes")
    page.get_by_text("No step has these words.").wait_for()
    search.fill("posterize")
    search.press("Enter")
    follows(page, '{"op": "posterize", "bits": [2, 5]}')
    page.get_by_role("slider", name="bits").wait_for()


def test_what_changes_the_size_says_why_it_stays_on(page: Page) -> None:
    switch = page.get_by_role("switch", name="resize is on")
    switch.click()
    page.get_by_text("This can't be switched off").wait_for()
    page.wait_for_function("document.querySelectorAll('.card.off').length == 0")
    assert text(page) == FLOWERS
    page.get_by_role("switch", name="zoom is on").click()
    follows(page, '"factor": [0.9, 1.3], "fill": "reflect", "p": 0}')
    page.locator(".card.off").wait_for()
    page.get_by_role("switch", name="zoom is on").click()
    page.locator(".card.off").wait_for(state="detached")
    assert text(page) == FLOWERS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("policies")


def test_files_are_opened_and_saved_but_never_over_another_text(
    page: Page, start_studio: StartStudio, folder: Path
) -> None:
    file = folder / "mine.json"
    file.write_text(FLOWERS)
    page.goto(start_studio(str(file)).address)
    shown = page.get_by_role("toolbar", name="Policy file").get_by_role("status")
    save = page.get_by_role("button", name="Save", exact=True)
    shown.filter(has_text=re.compile("^mine.json$")).wait_for()
    assert save.is_disabled()
    page.get_by_role("switch", name="flip is on").click()
    shown.filter(has_text="not saved").wait_for()
    page.wait_for_function("!!window.onbeforeunload")  # the browser asks before one leaves
    save.click()
    shown.filter(has_text=re.compile("^mine.json$")).wait_for()
    page.wait_for_function("!window.onbeforeunload")
    assert file.read_text() == FLOWERS.replace('"horizontal", "p": 0.5', '"horizontal", "p": 0')
    file.write_text("{}")
    page.get_by_role("switch", name="flip is on").click()
    shown.filter(has_text="not saved").wait_for()
    page.locator("body").press("ControlOrMeta+s")
    page.get_by_text("mine.json has another text by now.").wait_for()
    page.get_by_role("button", name="Cancel").click()
    assert file.read_text() == "{}"
    save.click()
    page.get_by_role("button", name="Overwrite it").click()
    shown.filter(has_text=re.compile("^mine.json$")).wait_for()
    assert file.read_text() == FLOWERS
    write(page, FLOWERS.replace('"rotate"', '"rotat"'))
    save.click()
    page.get_by_text("The policy has mistakes.").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Save as").click()
    page.get_by_role("textbox", name="File name").fill("second")
    page.get_by_role("textbox", name="File name").press("Enter")
    shown.filter(has_text=re.compile("^second.json$")).wait_for()
    assert (folder / "second.json").read_text() == FLOWERS
    page.get_by_role("tab", name="Form").click()
    page.get_by_role("switch", name="flip is on").click()
    page.get_by_role("button", name="Open").click()
    page.get_by_text("digits").click()
    page.get_by_text("second.json has changes that are not saved.").wait_for()
    page.get_by_role("button", name="Open it").click()
    shown.filter(has_text=re.compile("^digits$")).wait_for()
    assert page.get_by_role("button", name="Undo").is_disabled()
    page.wait_for_url(re.compile("file=digits"))
    page.reload()
    shown.filter(has_text=re.compile("^digits$")).wait_for()
    assert policy(page)["name"] == "digits"


def test_the_policy_is_copied_as_python(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy as Python").click()
    page.get_by_text("For the Keras layer").click()
    page.get_by_text("Python is in the clipboard.").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith(
        "POLICY = 'flowers'\n\nlayer = augreg.AugmentationLayer(POLICY, seed=0)\n"
    )
