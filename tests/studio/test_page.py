"""The page as a whole: what is where, tiles, themes, keyboard, names, and sizes of screens."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from annotated_sets import W, annotation, coco_set
from PIL import Image

import augreg
from augreg.cli import main
from augreg.images import photo_paths
from augreg.policy import find_policy, load_policy
from augreg.views.photos import read_image
from augreg.views.preview import PreviewOptions, preview_page
from studio.conftest import StartStudio
from studio.looks import SHOWN, by_kernels, pixels_of, status, tile, write
from studio.studio_process import StudioProcess

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

FLOWERS = find_policy("flowers").read_text()
ROTATED = FLOWERS.replace("[-30, 30]", "[80, 90]")


def test_a_tile_is_the_sample_of_augment_and_follows_the_text(page: Page) -> None:
    image = read_image(photo_paths()[0])
    by_kernels(page)
    first = tile(page, 2).locator("img")
    before = pixels_of(first)
    expected = augreg.augment(image, load_policy("flowers"), seed=0, index=[0], epoch=2)
    assert np.abs(before - expected * 255.0).max() < 1.5  # 1 for the kernels, 0.5 for rounding
    assert tile(page, 2).inner_text().split("\n") == ["epoch 2, index 0", "180 x 180 px"]
    source = first.get_attribute("src")
    write(page, ROTATED)
    page.wait_for_function(
        "before => document.querySelectorAll('.tile img')[2].src != before", arg=source
    )
    assert np.abs(pixels_of(first).astype(int) - before).mean() > 20
    policy = load_policy("flowers")
    assert policy.hash[:12] not in status(page).inner_text()


def test_tiles_have_the_pixels_of_augreg_preview(page: Page, tmp_path: Path) -> None:
    photo, target = photo_paths()[0], tmp_path / "preview.png"
    with pytest.raises(SystemExit):
        main(["preview", "flowers", str(photo), "--output", str(target)])
    with Image.open(target) as drawn:
        picture = np.asarray(drawn.convert("RGB"), np.int16)
    by_kernels(page)
    places = preview_page(PreviewOptions(load_policy("flowers"), [photo])).pictures[1:]
    assert len(places) == 9
    for epoch, place in enumerate(places):
        rows, columns = (
            slice(place.y, place.y + place.height),
            slice(place.x, place.x + place.width),
        )
        shown = pixels_of(tile(page, epoch).locator("img"))
        assert np.abs(picture[rows, columns] - shown).max() <= 1  # kernels and the reference


def test_a_broken_policy_leaves_the_last_samples_grey_and_moves_nothing(page: Page) -> None:
    by_kernels(page)
    boxes = [box.bounding_box() for box in page.locator(".tile img").all()]
    before = tile(page, 0).locator("img").get_attribute("src")
    write(page, FLOWERS.replace('"rotate"', '"rotat"'))
    status(page).filter(has_text="The policy has errors.").wait_for()
    assert page.locator(".tiles.stale").count() == 1
    assert tile(page, 0).locator("img").get_attribute("src") == before
    assert [box.bounding_box() for box in page.locator(".tile img").all()] == boxes
    write(page, FLOWERS)
    by_kernels(page)
    assert page.locator(".tiles.stale").count() == 0


def test_a_policy_that_does_not_work_at_the_size_says_so(page: Page) -> None:
    by_kernels(page)
    write(page, '{"version": 1, "augment": [{"op": "crop", "height": 900, "width": 900}]}')
    status(page).filter(has_text="/augment/0").wait_for()
    assert page.locator(".tiles.stale").count() == 1


SAID = """() => {
    window.said = [];
    const status = document.querySelector('.samples .message');
    const listen = () => window.said.push(status.textContent);
    const all = {characterData: true, childList: true, subtree: true};
    new MutationObserver(listen).observe(status, all);
}"""


def test_a_new_structure_is_compiled_and_another_number_is_not(page: Page) -> None:
    by_kernels(page)
    page.evaluate(SAID)
    compiles = "window.said.filter(text => text.startsWith('Compiling')).length"
    done = "window.said.length > 0 && window.said.at(-1).includes('policy hash')"
    write(page, FLOWERS.replace('"contrast", "factor"', '"sharpness", "factor"'))
    page.wait_for_function(done)
    assert page.evaluate(compiles) == 1
    page.evaluate("window.said = []")
    write(page, ROTATED.replace('"contrast", "factor"', '"sharpness", "factor"'))
    page.wait_for_function(done)
    assert page.evaluate(compiles) == 0


def test_the_toolbar_chooses_the_samples(page: Page) -> None:
    tile(page, 8).wait_for()
    page.get_by_role("button", name="Later epochs").click()
    tile(page, 17).wait_for()
    page.get_by_role("button", name="Next image").click()
    tile(page, 9, index=1).wait_for()
    page.get_by_role("button", name="Images", exact=True).click()
    page.get_by_role("spinbutton", name="Image").fill("0")
    tile(page, 9, index=1).wait_for()
    tile(page, 9, index=0).wait_for()
    assert page.get_by_role("button", name="No sample").count() == 7
    page.get_by_role("spinbutton", name="Seed").fill("4294967295")
    tile(page, 9, seed=4294967295).wait_for()
    page.get_by_role("button", name="New seed").click()
    tile(page, 9, seed=4294967295).wait_for(state="detached")


def test_an_image_is_chosen_from_small_ones(page: Page) -> None:
    tile(page, 0).wait_for()
    page.get_by_role("button", name="Choose an image, now chelsea.jpg").click()
    dialog = page.get_by_role("dialog", name="Choose an image")
    assert dialog.get_by_role("heading").inner_text() == "Images 0 to 1 of 2, counted from 0"
    dialog.get_by_role("button", name="1 coffee.jpg").click()
    tile(page, 0, index=1).wait_for()
    page.get_by_role("button", name="Choose an image, now coffee.jpg").wait_for()


def test_two_tabs_are_independent_and_a_reload_keeps_each(
    context: BrowserContext, page: Page, studio: StudioProcess
) -> None:
    other = context.new_page()
    other.goto(studio.origin)
    tile(other, 0).wait_for()
    page.get_by_role("spinbutton", name="Epoch").fill("5")
    write(page, ROTATED)
    tile(page, 13).wait_for()
    page.wait_for_url(re.compile("epoch=5.*policy="))
    assert "policy=" not in other.url
    page.reload()
    tile(page, 13).wait_for()
    page.get_by_role("tab", name="Text").click()
    assert "[80, 90]" in page.locator(".cm-content").inner_text()
    tile(other, 0).wait_for()


def test_a_hostile_address_opens_with_a_message(page: Page, studio: StudioProcess) -> None:
    page.goto(f"{studio.origin}/?policy=AAAA&seed=-3")
    said = page.get_by_role("alert").filter(has_text="of the address").inner_text()
    assert "can't be read; it is left out" in said
    assert "has to be a whole number from 0 to 4294967295; it is taken as 0" in said
    tile(page, 0).wait_for()
    page.get_by_role("button", name="Dismiss").click()


def test_a_panel_that_is_hidden_makes_nothing(page: Page) -> None:
    by_kernels(page)
    page.get_by_role("tab", name="Compare").click()
    page.get_by_role("button", name="Later epochs").click()
    page.get_by_role("button", name="Pin A as B").click()
    page.locator("figure.tile").filter(has_text="epoch 17, index 0").wait_for()
    assert page.locator(".tile").filter(has_text="epoch 8, index 0").count() == 1  # hidden, old
    page.get_by_role("tab", name="Samples").click()
    tile(page, 17).wait_for()
    page.wait_for_url(re.compile("show=Samples"))


def test_the_theme_is_kept(page: Page) -> None:
    page.get_by_role("button", name="Theme: as the system").click()
    page.get_by_role("button", name="Theme: light").click()
    page.get_by_role("button", name="Theme: dark").wait_for()
    page.locator("body.body--dark").wait_for()
    page.wait_for_function("document.cookie.includes('augreg-theme=dark')")
    page.reload()
    page.locator("body.body--dark").wait_for()


def test_nine_tiles_fit_into_1280x800_and_nothing_is_wider_than_a_phone(page: Page) -> None:
    page.wait_for_function(SHOWN)
    view = page.viewport_size
    assert view is not None
    for box in page.locator("button.tile").all():
        place = box.bounding_box()
        assert place is not None
        assert place["y"] + place["height"] <= view["height"]
    assert page.locator(".tile img").first.bounding_box()["width"] == 180
    page.set_viewport_size({"width": 390, "height": 844})
    width = "document.documentElement.scrollWidth"
    page.wait_for_function(f"{width} <= 390")
    page.get_by_role("tab", name="Compare").click()
    assert page.evaluate(width) <= 390


CONTROLS = "button, a[href], input, select, textarea, [tabindex='0'], [contenteditable=true]"


def test_every_control_has_a_name_and_is_reached_by_tab(page: Page) -> None:
    by_kernels(page)
    nameless = [
        line
        for line in page.locator("body").aria_snapshot().splitlines()
        if re.match(
            r"\s*- (button|tab|textbox|spinbutton|switch|combobox|link|group|region)\W*$", line
        )
    ]
    assert nameless == []
    controls = page.locator(CONTROLS)
    visible = [one for one in controls.all() if one.is_visible() and one.is_enabled()]
    wanted = {one.get_attribute("id") for one in visible if one.get_attribute("tabindex") != "-1"}
    seen: set[str] = set()
    page.locator("body").press("Tab")
    skip = page.get_by_role("link", name="Skip to the samples")
    assert skip.evaluate("e => e === document.activeElement")
    for _ in range(len(visible) + 10):
        seen.add(page.evaluate("document.activeElement.id"))
        page.keyboard.press("Escape")  # leaves the editor, where Tab indents
        page.keyboard.press("Tab")
    assert {one for one in wanted if one} <= seen


def test_boxes_move_with_their_images_and_are_drawn_where_they_are_asked_for(
    start_studio: StartStudio, context: BrowserContext, tmp_path: Path
) -> None:
    coco_set(tmp_path, [annotation(1, 10, 7, (4, 2, 10, 20))])  # x, y, width, height
    policy = {"version": 1, "augment": [{"op": "flip", "axis": "horizontal"}]}
    (tmp_path / "p.json").write_text(json.dumps(policy))
    page = context.new_page()
    page.goto(start_studio(str(tmp_path / "p.json"), f"coco:{tmp_path}").address)
    image = tile(page, 0).locator("img")
    image.wait_for()
    assert image.get_attribute("width") == str(5 * W)  # a tiny one, in squares
    drawn = pixels_of(image)
    lower_edge = drawn[21, W - 14 : W - 4]  # of the mirrored box
    assert len(np.unique(lower_edge, axis=0)) == 1
    before = image.get_attribute("src")
    page.get_by_role("switch", name="Annotations").click()
    page.wait_for_function(
        "before => document.querySelector('.tile img').src != before", arg=before
    )
    plain = np.asarray(Image.open(next(tmp_path.rglob("0.png"))))[:, ::-1]
    assert np.array_equal(pixels_of(image), plain)
