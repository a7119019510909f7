"""The policy as text, in a browser: mistakes at their place, completion, explanations, undo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augreg.policy import find_policy
from studio.looks import by_kernels, write

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

FLOWERS = find_policy("flowers").read_text()


def mistakes(page: Page) -> Locator:
    return page.get_by_role("alert", name="Mistakes")


def lines(page: Page) -> list[str]:
    """What the editor shows, each line of the text in one."""
    return page.locator(".cm-line").all_inner_texts()


def after(page: Page, words: str) -> None:
    """Puts the cursor behind the end of the line that has these words."""
    page.locator(".cm-line").filter(has_text=words).first.click()
    page.keyboard.press("End")
    page.keyboard.press("End")  # of a line that is wrapped, the first one only ends its first row


def test_mistakes_are_marked_and_listed_while_one_types(page: Page) -> None:
    page.get_by_role("tab", name="Text").click()
    mistakes(page).filter(has_text="No mistakes").wait_for()
    after(page, '"saturation"')
    page.keyboard.type(', {"op": "hue", "delta": 7}, {"op": "hu"}')
    listed = mistakes(page).get_by_role("button")
    listed.filter(has_text="/augment/8/op").wait_for()  # before, the first one's name was "hu"
    assert listed.all_inner_texts() == [
        'Line 16, /augment/7/delta\n7 is above 1.0, the most that "hue" takes',
        'Line 16, /augment/8/op\nunknown op "hu" (did you mean "hue"?)',
    ]
    assert page.locator(".cm-mistake").all_inner_texts() == ["7", '"hu"']
    assert page.locator(".cm-mistaken").count() == 1
    page.keyboard.press("ControlOrMeta+Home")
    listed.first.click()
    page.wait_for_function("document.activeElement.classList.contains('cm-content')")
    page.keyboard.press("Delete")
    page.keyboard.type("0.5")
    page.wait_for_function("document.querySelectorAll('.cm-mistake').length == 1")
    assert '{"op": "hue", "delta": 0.5}' in "".join(lines(page))
    write(page, FLOWERS)
    mistakes(page).filter(has_text="No mistakes").wait_for()


def test_fast_typing_is_not_disturbed_by_marks(page: Page) -> None:
    page.get_by_role("tab", name="Text").click()
    after(page, '"saturation"')
    typed = ', {"op": "solarize", "threshold": 9}' * 5
    page.keyboard.insert_text(" ")
    for letter in typed:
        page.keyboard.insert_text(letter)
    page.wait_for_function("document.querySelectorAll('.cm-mistake').length == 5")
    assert typed in "".join(lines(page))


def test_completion_offers_ops_and_parameters_and_inserts_them(page: Page) -> None:
    page.get_by_role("tab", name="Text").click()
    after(page, '"saturation"')
    page.keyboard.type(', {"op": "gaussian_n')
    options = page.get_by_role("option")
    options.filter(has_text="gaussian_noise").click()
    page.keyboard.type(', "s')
    options.filter(has_text='"std"').click()
    page.wait_for_function(
        """document.querySelector('.cm-content').innerText
        .includes('{"op": "gaussian_noise", "std": [0.0, 0.1]}')"""
    )
    mistakes(page).filter(has_text="No mistakes").wait_for()


def test_what_stands_in_the_text_is_explained(page: Page) -> None:
    page.get_by_role("tab", name="Text").click()
    page.get_by_text('"rotate"').hover()
    page.locator(".explanation").filter(has_text="counter-clockwise for positive").wait_for()


def test_form_and_text_have_one_history(page: Page) -> None:
    by_kernels(page)
    undo, redo = page.get_by_role("button", name="Undo"), page.get_by_role("button", name="Redo")
    assert undo.is_disabled() and redo.is_disabled()
    page.get_by_role("switch", name="rotate is on").click()
    page.get_by_role("tab", name="Text").click()
    off = page.locator(".cm-line").filter(has_text='"fill": "reflect", "p": 0}')
    off.wait_for()
    page.wait_for_timeout(600)  # what follows sooner is one change with it
    after(page, '"flip"')
    page.keyboard.type("  ")
    page.wait_for_timeout(600)
    page.keyboard.press("ControlOrMeta+z")
    page.wait_for_function("!document.querySelector('.cm-content').innerText.includes('},  \\n')")
    assert off.count() == 1
    undo.click()
    off.wait_for(state="detached")
    assert undo.is_disabled()
    redo.click()
    off.wait_for()
    page.get_by_role("tab", name="Form").click()
    assert not page.get_by_role("switch", name="rotate is on").is_checked()
    page.locator("body").press("ControlOrMeta+z")
    page.wait_for_function("!document.querySelector('.card.off')")
