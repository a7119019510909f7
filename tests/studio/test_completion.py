"""What an editor offers while a policy is being written, and what it says of what stands there."""

import json

import pytest

from augreg.errors import PolicyError
from augreg.plugin.registry import default_registry
from augreg.policy.loader import load_text
from augreg.studio.text.completion import Completer


@pytest.fixture
def completer():
    return Completer(default_registry())


def offered(completer, marked):
    """What is offered at the mark |: what is written by its label."""
    offset = marked.index("|")
    found = completer.complete(marked.replace("|", ""), offset)
    return {one.label: one.written for one in found.options} if found else {}


def taken(completer, marked, label):
    """The text after an option was taken."""
    offset, text = marked.index("|"), marked.replace("|", "")
    found = completer.complete(text, offset)
    written = next(one.written for one in found.options if one.label == label)
    return text[: found.start] + written + text[found.end :]


def test_op_names_come_with_their_summaries(completer):
    text = '{"augment": [{"op": "ro'
    found = completer.complete(text, len(text))
    assert (found.start, found.end) == (20, 23)
    labels = [one.label for one in found.options]
    steps = default_registry().steps
    assert set(labels) == {json.dumps(name) for name in steps if "ro" in name}
    assert labels[:2] == ['"rot90"', '"rotate"']  # what begins so is before what has it inside
    assert found.options[1].info == steps["rotate"].summary


def test_parameters_not_yet_given_come_with_defaults_and_bounds(completer):
    text = '{"augment": [{"op": "rotate", "fill": "wrap", }]}'
    found = completer.complete(text, text.index("}") - 1)
    options = {one.label: one for one in found.options}
    assert '"fill"' not in options and '"op"' not in options
    assert options['"degrees"'].detail == "required"
    assert "-360 to 360" in options['"degrees"'].info
    assert options['"interpolation"'].detail == 'default "bilinear"'
    assert options['"degrees"'].rank == max(one.rank for one in found.options)


@pytest.mark.parametrize(
    ("marked", "labels"),
    [
        ("{|}", {'"version"', '"name"', '"prepare"', '"augment"', '"output"'}),
        ('{"output": {"dtype": |}}', {'"float32"', '"uint8"'}),
        ('{"augment": [{"op": "rotate", "fill": "|"}]}', {'"reflect"', '"constant"'}),
        ('{"augment": [{|}]}', {'"op"', '"one_of"', '"some_of"', '"mixture"'}),
        ('{"augment": [{"some_of": [], |}]}', {'"n"', '"replace"', '"p"', '"when"'}),
        ('{"augment": [{"some_of": [], "replace": |}]}', {"true", "false"}),
        ('{"augment": [|]}', {"rotate", "one_of"}),
        ('{"augment": [{"one_of": [{"sequence": [{"op": "flip", "axis": "|', {'"vertical"'}),
        ('{"prepare": {"train": [], |}}', {'"eval"'}),
        ('{"augment": [{"op": "hue", "delta": {"schedule": {|}}}]}', {'"from"', '"epochs"'}),
        ('{"augment": [{"op": "hue", "delta": |}]}', {"[-0.1, 0.1]", '{"choice": [-0.1, 0.1]}'}),
    ],
)
def test_what_fits_a_place_is_offered(completer, marked, labels):
    assert labels <= set(offered(completer, marked))


@pytest.mark.parametrize(
    ("marked", "label", "text"),
    [
        ('{"out|"}', '"output"', '{"output": {}}'),
        ('{"version": 1 |}', '"augment"', '{"version": 1 , "augment": []}'),
        ('{|"version": 1}', '"name"', '{"name": "", "version": 1}'),
        ('{"output": {"dt|": "uint8"}}', '"dtype"', '{"output": {"dtype": "uint8"}}'),
        ('{"augment": [{"op": "c"}, |]}', "clip", '{"augment": [{"op": "c"}, {"op": "clip"}]}'),
        ('{"augment": [|{"op": "c"}]}', "clip", '{"augment": [{"op": "clip"}, {"op": "c"}]}'),
    ],
)
def test_what_is_taken_keeps_the_commas_right(completer, marked, label, text):
    assert taken(completer, marked, label) == text


def test_every_step_that_is_offered_can_be_loaded(completer):
    for written in offered(completer, '{"augment": [|]}').values():
        if '": []' not in written:
            load_text(f'{{"version": 1, "augment": [{written}]}}')


def test_every_distribution_that_is_offered_can_be_loaded(completer):
    for op in default_registry().ops.values():
        step = json.dumps({"op": op.name, **op.example})[:-1]
        for name in set(op.settable) - set(op.example):
            for written in offered(completer, f'{{"augment": [{step}, "{name}": |').values():
                text = f'{{"version": 1, "augment": [{step}, "{name}": {written}}}]}}'
                try:
                    load_text(text)
                except PolicyError as error:  # such as three numbers for a grey level
                    pytest.fail(f"{text}: {error}")


@pytest.mark.parametrize("marked", ["|", '{"version": 1}|', ' "a" |', '{"name": "x|"}'])
def test_nothing_is_offered_where_nothing_is_known(completer, marked):
    assert not offered(completer, marked)


@pytest.mark.parametrize(
    ("marked", "title", "words"),
    [
        ('{"augment": [{"op": "ro|tate"}]}', "rotate", "counter-clockwise"),
        ('{"augment": [{"op": "rotate", "deg|rees": 3}]}', "degrees of rotate", "-360 to 360"),
        ('{"augment": [{"op": "rotate", "degrees": 3|}]}', "degrees of rotate", "-360 to 360"),
        ('{"aug|ment": []}', "augment", "training only"),
        ('{"augment": [{"one_of": [], "wei|ghts": []}]}', "weights", "How likely"),
    ],
)
def test_keys_and_ops_are_explained(completer, marked, title, words):
    found = completer.explain(marked.replace("|", ""), marked.index("|"))
    assert found.title == title
    assert words in found.text
