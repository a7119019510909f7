"""Two policies side by side on the page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from augreg.policy import find_policy
from studio.looks import by_kernels, pixels_of, write

if TYPE_CHECKING:
    from playwright.sync_api import Page

FLOWERS = find_policy("flowers").read_text()


def test_a_pinned_policy_is_compared_with_what_is_written_next(page: Page) -> None:
    by_kernels(page)
    page.get_by_role("tab", name="Compare").click()
    panel = page.get_by_role("tabpanel", name="Compare")
    panel.get_by_text("Choose a policy B, or pin A as B").wait_for()
    page.get_by_role("button", name="Pin A as B").click()
    panel.get_by_text("No part that changes samples differs.").wait_for()
    pair = panel.locator("figure").first
    assert "equal" in pair.inner_text()
    write(page, FLOWERS.replace("[-0.1, 0.1]}", "[0.2, 0.3]}"))
    panel.get_by_text("/augment/4/delta: [0.2, 0.3] in A, [-0.1, 0.1] in B").wait_for()
    a, b = (pixels_of(image) for image in pair.get_by_role("img").all())
    mean = np.abs(a.astype(int) - b).mean()
    assert f"{mean:.1f} levels" in pair.inner_text()
    page.wait_for_url(re.compile("policy=.*b="))
    page.reload()
    panel.get_by_text("/augment/4/delta").wait_for()


def test_a_ready_policy_and_the_saved_file_are_compared_with(page: Page) -> None:
    page.get_by_role("tab", name="Compare").click()
    panel = page.get_by_role("tabpanel", name="Compare")
    page.get_by_role("combobox", name="Policy B").click()
    page.get_by_role("option", name="imagenet", exact=True).click()
    panel.get_by_text(re.compile("B: policy hash [0-9a-f]{12}, imagenet")).wait_for()
    panel.get_by_text("other size").first.wait_for()
    page.get_by_role("combobox", name="Policy B").click()
    page.get_by_role("option", name="The file as it is saved").click()
    panel.get_by_text("No part that changes samples differs.").wait_for()
