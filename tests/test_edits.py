"""Changes of a policy's text: the value becomes what was asked for, and nothing else moves."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augreg.policy import edits
from augreg.policy.document import pointer_of
from augreg.policy.layout import as_policy
from augreg.policy.outline import enclosing, find, outline, value_of

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)
CONTAINERS = st.lists(VALUES, max_size=4) | st.dictionaries(st.text(max_size=4), VALUES, max_size=4)
LAYOUTS = (
    as_policy,
    json.dumps,
    lambda value: json.dumps(value, indent=4),
    lambda value: json.dumps(value, separators=(",", ":")),
    lambda value: " " + json.dumps(value, indent=1, separators=(" ,\n", "\n:")) + "\n\n",
)


def places(value, path=()):
    """The paths of a value and of all that is in it."""
    yield path
    if isinstance(value, dict | list):
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        for name, part in inside:
            yield from places(part, (*path, name))


def at(value, path):
    for name in path:
        value = value[name]
    return value


@st.composite
def documents(draw):
    """A value, its text in one of several layouts, and the paths of its parts."""
    value = draw(CONTAINERS)
    text = draw(st.sampled_from(LAYOUTS))(value)
    return value, text, list(places(value))


def drawn(data, paths, value, kind):
    found = [path for path in paths if isinstance(at(value, path), kind)]
    return data.draw(st.sampled_from(found)) if found else None


@given(documents())
def test_outline_finds_every_part_of_a_document(document):
    value, text, paths = document
    root = outline(text)
    for path in paths:
        part = find(root, [str(name) for name in path])
        assert json.loads(text[part.start : part.end]) == at(value, path)
        assert value_of(text, part) == at(value, path)


@given(documents(), st.data())
def test_set_value_changes_that_part_alone(document, data):
    value, text, paths = document
    path, new = data.draw(st.sampled_from(paths)), data.draw(VALUES)
    part = find(outline(text), [str(name) for name in path])
    changed = edits.set_value(text, pointer_of(path), new)
    wanted = copy.deepcopy(value)
    if path:
        at(wanted, path[:-1])[path[-1]] = new
    else:
        wanted = new
    assert json.loads(changed) == wanted
    assert changed.startswith(text[: part.start]) and changed.endswith(text[part.end :])
    assert edits.set_value(changed, pointer_of(path), new) == changed


@given(documents(), st.text(max_size=5), VALUES, st.data())
def test_a_new_key_is_the_last_one_of_its_object(document, key, new, data):
    value, text, paths = document
    path = drawn(data, paths, value, dict)
    if path is None or key in at(value, path):
        return
    wanted = copy.deepcopy(value)
    at(wanted, path)[key] = new
    changed = json.loads(edits.set_value(text, pointer_of((*path, key)), new))
    assert changed == wanted
    assert list(at(changed, path)) == list(at(wanted, path))


@given(documents(), st.data())
def test_remove_takes_one_part_away(document, data):
    value, text, paths = document
    if len(paths) == 1:
        return
    path = data.draw(st.sampled_from(paths[1:]))
    wanted = copy.deepcopy(value)
    del at(wanted, path[:-1])[path[-1]]
    assert json.loads(edits.remove(text, pointer_of(path))) == wanted


@given(documents(), VALUES, st.data())
def test_insert_then_remove_leaves_the_value(document, new, data):
    value, text, paths = document
    path = drawn(data, paths, value, list)
    if path is None:
        return
    position = data.draw(st.integers(0, len(at(value, path))))
    changed = edits.insert(text, pointer_of(path), position, new)
    wanted = copy.deepcopy(value)
    at(wanted, path).insert(position, new)
    assert json.loads(changed) == wanted
    assert json.loads(edits.remove(changed, pointer_of((*path, position)))) == value


@given(documents(), st.data())
def test_move_is_removing_and_inserting(document, data):
    value, text, paths = document
    elements = [path for path in paths if path and isinstance(path[-1], int)]
    lists = [path for path in paths if isinstance(at(value, path), list)]
    if not elements:
        return
    source, target = data.draw(st.sampled_from(elements)), data.draw(st.sampled_from(lists))
    if target[: len(source)] == source:
        with pytest.raises(LookupError, match="into itself"):
            edits.move(text, pointer_of(source), pointer_of(target), 0)
        return
    wanted = copy.deepcopy(value)
    into = at(wanted, target)
    moved = at(wanted, source[:-1]).pop(source[-1])
    position = data.draw(st.integers(0, len(into)))
    into.insert(position, moved)
    assert json.loads(edits.move(text, pointer_of(source), pointer_of(target), position)) == wanted


@given(documents(), st.data())
def test_unwrap_undoes_wrap(document, data):
    value, text, paths = document
    elements = [path for path in paths if path and isinstance(path[-1], int)]
    if not elements:
        return
    path = data.draw(st.sampled_from(elements))
    siblings = at(value, path[:-1])
    count = data.draw(st.integers(1, len(siblings) - path[-1]))
    wrapped = edits.wrap(text, pointer_of(path), count, "one_of")
    wanted = copy.deepcopy(value)
    rows = at(wanted, path[:-1])
    rows[path[-1] : path[-1] + count] = [{"one_of": siblings[path[-1] : path[-1] + count]}]
    assert json.loads(wrapped) == wanted
    assert json.loads(edits.unwrap(wrapped, pointer_of(path), "one_of")) == value


WRITTEN = """{
  "version":   1,
  "augment": [
    {"op": "flip",   "p": 0.50},
    {
      "op": "rotate",
      "degrees": [-3e1, 30]
    },
    {"op": "invert"}
  ]
}
"""


def test_all_else_stays_as_it_was_written():
    changed = edits.set_value(WRITTEN, "/augment/1/degrees", [-10, 10])
    assert changed == WRITTEN.replace("[-3e1, 30]", "[-10, 10]")
    assert edits.set_value(WRITTEN, "/augment/0/id", "a") == WRITTEN.replace(
        '"p": 0.50}', '"p": 0.50, "id": "a"}'
    )
    assert edits.set_value(WRITTEN, "/augment/1/p", 0.5) == WRITTEN.replace(
        "[-3e1, 30]\n", '[-3e1, 30],\n      "p": 0.5\n'
    )
    assert edits.remove(WRITTEN, "/augment/2") == WRITTEN.replace(',\n    {"op": "invert"}', "")
    assert edits.remove(WRITTEN, "/augment/0") == WRITTEN.replace(
        '{"op": "flip",   "p": 0.50},\n    ', ""
    )
    assert edits.insert(WRITTEN, "/augment", 3, {"op": "clip"}) == WRITTEN.replace(
        '{"op": "invert"}', '{"op": "invert"},\n    {"op": "clip"}'
    )
    moved = edits.move(WRITTEN, "/augment/1", "/augment", 0)
    assert moved == WRITTEN.replace('    {"op": "flip",   "p": 0.50},\n', "").replace(
        "30]\n    },\n", '30]\n    },\n    {"op": "flip",   "p": 0.50},\n'
    )
    assert (
        edits.wrap(WRITTEN, "/augment/0", 2, "one_of")
        == """{
  "version":   1,
  "augment": [
    {
      "one_of": [
        {"op": "flip",   "p": 0.50},
        {
          "op": "rotate",
          "degrees": [-3e1, 30]
        }
      ]
    },
    {"op": "invert"}
  ]
}
"""
    )


def test_a_line_that_gets_too_long_becomes_a_line_for_each():
    step = {"op": "rotate", "degrees": [-30, 30], "fill": "reflect", "interpolation": "bilinear"}
    line = as_policy(step)
    assert edits.set_value(line, "/fill_value", [0.5, 0.5]) == as_policy(
        {**step, "fill_value": [0.5, 0.5]}
    )
    assert edits.insert(f"[{line}]", "", 0, {"op": "flip"}) == as_policy([{"op": "flip"}, step])


def test_a_pointer_that_leads_nowhere_is_refused():
    with pytest.raises(LookupError, match="nothing at /augment/7"):
        edits.remove(WRITTEN, "/augment/7")
    with pytest.raises(LookupError, match="no array at /prepare"):
        edits.insert(WRITTEN, "/prepare", 0, 1)
    with pytest.raises(LookupError, match="no position 4 among 3"):
        edits.insert(WRITTEN, "/augment", 4, 1)


@given(documents(), st.data())
def test_any_beginning_of_a_document_has_an_outline(document, data):
    _, text, _ = document
    written = text[: data.draw(st.integers(0, len(text)))]
    root = outline(written)
    value_of(written, root)
    for offset in range(0, len(written), 7):
        for _, part in enclosing(root, offset):
            assert part.start <= offset <= part.end <= len(written)


def test_outline_of_what_is_being_written():
    text = '{"augment": [{"op": "rot\n}, {"op": "flip", "p": }], "output"'
    assert value_of(text, outline(text)) == {
        "augment": [{"op": None}, {"op": "flip", "p": None}],
        "output": None,
    }
    assert [name for name, _ in enclosing(outline(text), text.index("flip"))] == [
        "",
        "augment",
        "1",
        "op",
    ]
