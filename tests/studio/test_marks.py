"""Where mistakes are marked in a text."""

from __future__ import annotations

import pytest

from augreg.errors import PolicyError
from augreg.policy.loader import load_text
from augreg.studio.text.marks import marks_of


def marked(text: str) -> list[tuple[int, str]]:
    """The line and the text of each mark."""
    with pytest.raises(PolicyError) as error:
        load_text(text)
    return [(one.line, text[one.start : one.end]) for one in marks_of(text, error.value)]


def test_a_mistake_is_marked_at_its_value() -> None:
    text = '{\n "version": 1,\n "augment": [\n  {"op": "rotat"},\n  {"op": "hue", "delta": 7}]}'
    assert marked(text) == [(4, '"rotat"'), (5, "7")]


def test_of_a_container_its_first_line_is_marked() -> None:
    text = '{\n "version": 1,\n "augment": [\n  {"op": "hue",\n   "p": 1}\n ]\n}'
    assert marked(text) == [(4, '{"op": "hue",')]


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ('{"version": 1,\n}', (1, ",")),
        ('{"version": 1', (1, "")),
        ("", (1, "")),
        ('{"version": 1}\n x', (2, "x")),
        ('{"version": 1, "name": "😀" "b"}', (1, '"')),
    ],
)
def test_what_is_no_json_is_marked_where_it_ends(text: str, mark: tuple[int, str]) -> None:
    assert marked(text) == [mark]


def test_what_is_right_has_no_marks() -> None:
    assert marks_of('{"version": 1}', None) == []
