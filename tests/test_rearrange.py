"""Steps that are moved, grouped and removed in a policy's text; weights go with their branches."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augreg.policy import rearrange
from augreg.policy.layout import as_policy
from augreg.policy.loader import load_text
from augreg.policy.rearrange import kind_of

STEPS = st.just("step")
TREES = st.recursive(STEPS, lambda inner: st.lists(inner, min_size=1, max_size=4), max_leaves=10)


def written(trees):
    """A policy with numbered steps; the weight of a branch is its number."""
    numbers = iter(range(1, 1000))

    def node(tree, depth):
        number = next(numbers)
        if tree == "step":
            return {"op": "flip", "id": f"{number}"}, number
        branches, weights = zip(*(node(part, depth + 1) for part in tree), strict=True)
        if depth % 2:
            return {"sequence": list(branches)}, number
        return {"one_of": list(branches), "weights": list(weights)}, number

    steps = [node(tree, 0)[0] for tree in trees]
    return {"version": 1, "augment": steps}


def steps_of(nodes, pointer):
    """(pointer, id, weight or None) of every step."""
    for i, one in enumerate(nodes):
        kind = kind_of(one)
        if kind is None:
            yield f"{pointer}/{i}", one["id"]
        else:
            yield from steps_of(one[kind], f"{pointer}/{i}/{kind}")


def lists_of(nodes, pointer):
    yield pointer
    for i, one in enumerate(nodes):
        if kind := kind_of(one):
            yield from lists_of(one[kind], f"{pointer}/{i}/{kind}")


def weights_of(nodes, weights=()):
    """The weight of each step that has one, by its id."""
    for one, weight in zip(nodes, weights or [None] * len(nodes), strict=True):
        kind = kind_of(one)
        if kind is None:
            yield one["id"], weight
        else:
            yield from weights_of(one[kind], one.get("weights", ()))


@given(st.lists(TREES, min_size=1, max_size=4), st.data())
def test_a_step_that_moves_takes_its_weight_along(trees, data):
    policy = written(trees)
    text = as_policy(policy)
    steps = list(steps_of(policy["augment"], "/augment"))
    source, name = data.draw(st.sampled_from(steps))
    target = data.draw(st.sampled_from(list(lists_of(policy["augment"], "/augment"))))
    rest = len(rearrange.at(text, target)) - (rearrange.split(source)[0] == target)
    position = data.draw(st.integers(0, rest))
    moved = json.loads(rearrange.move(text, source, target, position))
    load_text(json.dumps(moved))
    before, after = dict(weights_of(policy["augment"])), dict(weights_of(moved["augment"]))
    assert sorted(before) == sorted(after)
    if after[name] is not None:
        assert after.pop(name) == (before.pop(name) or 1)
    assert all(after[one] == before[one] for one in after if one != name)


@given(st.lists(TREES, min_size=1, max_size=4), st.data())
def test_what_is_removed_takes_its_weight_and_its_empty_group_along(trees, data):
    policy = written(trees)
    source, name = data.draw(st.sampled_from(list(steps_of(policy["augment"], "/augment"))))
    rest = json.loads(rearrange.delete(as_policy(policy), source))
    before, after = dict(weights_of(policy["augment"])), dict(weights_of(rest["augment"]))
    del before[name]
    assert before == after
    if after:
        load_text(json.dumps(rest))


@given(st.lists(TREES, min_size=1, max_size=4), st.data())
def test_ungroup_undoes_group(trees, data):
    text = as_policy(written(trees))
    lists = list(lists_of(json.loads(text)["augment"], "/augment"))
    where = data.draw(st.sampled_from(lists))
    first = data.draw(st.integers(0, len(rearrange.at(text, where)) - 1))
    kind = data.draw(st.sampled_from(["one_of", "some_of", "random_order"]))
    grouped = rearrange.group(text, f"{where}/{first}", kind)
    load_text(grouped)
    opened = rearrange.ungroup(grouped, f"{where}/{first}")
    assert json.loads(opened) == json.loads(text)


def test_a_copy_stands_behind_its_step_and_draws_by_itself():
    text = as_policy(written([["step", "step"]]))
    copied = json.loads(rearrange.duplicate(text, "/augment/0/one_of/1"))["augment"][0]
    assert copied["one_of"] == [
        {"op": "flip", "id": "2"},
        {"op": "flip", "id": "3"},
        {"op": "flip"},
    ]
    assert copied["weights"] == [2, 3, 1]


def test_several_steps_make_one_group_with_the_first_ones_weight():
    text = as_policy(written([["step", "step", "step"]]))
    grouped = json.loads(rearrange.group(text, "/augment/0/one_of/1", "sequence", 2))
    assert grouped["augment"][0]["weights"] == [2, 3]
    opened = rearrange.ungroup(json.dumps(grouped), "/augment/0/one_of/1")
    assert json.loads(opened)["augment"][0]["weights"] == [2, 3, 3]


def test_a_section_that_is_missing_is_made():
    added = rearrange.add('{"version": 1}', "/augment", 0, {"op": "flip"})
    assert added == '{"version": 1, "augment": [{"op": "flip"}]}'


def test_a_group_cannot_be_moved_into_itself():
    text = as_policy(written([["step", "step"]]))
    with pytest.raises(LookupError, match="into itself"):
        rearrange.move(text, "/augment/0", "/augment/0/one_of", 0)
    with pytest.raises(LookupError, match="no group"):
        rearrange.ungroup(text, "/augment/0/one_of/0")
