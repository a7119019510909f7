"""From a document to a policy that loads and can be planned, in as many walks as that takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

from augreg.errors import PolicyError
from augreg.errors import joined as all_of
from augreg.images import ImageSize
from augreg.importing import albumentations, keras
from augreg.importing.files import read
from augreg.importing.nodes import Node, Step
from augreg.importing.report import Imported, Line
from augreg.importing.walk import Walk
from augreg.plan import plan
from augreg.policy import load_policy
from augreg.policy.nodes import error_at


class Document(Protocol):
    """A walk through one library's document."""

    walk: Walk

    def nodes(self) -> tuple[Node, ...]:
        """What the document becomes."""

    def output(self) -> Step:
        """The section `output`."""


def import_policy(
    source: str | PathLike[str] | Mapping[str, Any],
    *,
    partial: bool = False,
    size: ImageSize | None = None,
) -> Imported:
    """Imports a policy from a document of Albumentations or Keras; neither has to be installed.

    Args:
        source: a file, or its contents as a dict. Of Albumentations, what `A.save` writes (JSON or
            YAML) or `A.to_dict` returns. Of Keras, a `.keras` file, `model.to_json()`, or
            `keras.saving.serialize_keras_object` of a layer or model.
        partial: leaves out what a policy can't say, and reports it; otherwise it is an error.
        size: height and width of the images, if all have the same.

    Returns:
        An `Imported` with the policy and its report. The policy loads, and can be planned for
        images of `size`.

    Raises:
        PolicyError: the document is none of these, or has steps that a policy can't say; the error
            lists them all with their places.

    Example:
        >>> flip = {"__class_fullname__": "HorizontalFlip", "p": 0.5}
        >>> imported = import_policy({"__class_fullname__": "Compose", "transforms": [flip]})
        >>> imported.policy["augment"]
        [{'op': 'flip', 'axis': 'horizontal', 'p': 0.5}]
    """
    path, text = None, None
    if isinstance(source, Mapping):
        value: Any = _as_json(source)
    else:
        path = str(source)
        value, text = read(Path(source))
    try:
        return _converted(value, partial, size)
    except PolicyError as error:
        raise all_of(
            error_at(one.message, one.pointer, path, text) for one in error.mistakes
        ) from error


def _as_json(source: Mapping[str, Any]) -> Any:
    """A dict as it would be read from a file, with lists in place of tuples."""
    try:
        return json.loads(json.dumps(dict(source)))
    except (TypeError, ValueError, RecursionError) as error:
        raise PolicyError(f"the document is not JSON: {error}") from error


def _converted(value: Any, partial: bool, size: ImageSize | None) -> Imported:
    left_out: dict[str, str] = {}
    while True:
        document = _opened(value, size, left_out)
        policy, sources = _assembled(document)
        report = document.walk.lines
        found = {**left_out, **_mistakes(policy, sources, size)}
        if len(found) > len(left_out):
            left_out = found
            continue
        refused = [_refusal(line) for line in report if line.status == "left out"]
        if refused and not partial:
            raise all_of(refused)
        return Imported(policy, tuple(sorted(report, key=lambda line: line.status == "note")))


def _opened(value: Any, size: ImageSize | None, left_out: Mapping[str, str]) -> Document:
    for library in (albumentations, keras):
        if library.is_one(value):
            return library.Document(value, size, left_out)
    raise PolicyError(
        "neither a document of Albumentations (A.save, A.to_dict) nor a model or layer of Keras "
        "(model.to_json(), keras.saving.serialize_keras_object)"
    )


def _refusal(line: Line) -> PolicyError:
    text = f"{line.name} can't be imported: {line.text}; --partial (partial=True) leaves it out"
    return PolicyError(text, pointer=line.place)


def _assembled(document: Document) -> tuple[dict[str, Any], dict[str, str]]:
    """The policy, and where each of its steps came from."""
    nodes = document.nodes()
    first = _prepared(nodes)
    sources: dict[str, str] = {}

    def written(some: Iterable[Node], pointer: str) -> list[Step]:
        return [node.written(f"{pointer}/{i}", sources) for i, node in enumerate(some)]

    train, evaluation = nodes[:first], [one for node in nodes for one in node.in_evaluation()]
    policy: dict[str, Any] = {"version": 1}
    if first:  # and so `evaluation` is not empty
        prepare = written(train, "/prepare")
        other = written(evaluation, "/prepare/eval")
        if prepare != other:
            written(train, "/prepare/train")
            document.walk.note(
                "evaluation is not in the document; prepare.eval brings its images to the same size"
            )
        policy["prepare"] = prepare if prepare == other else {"train": prepare, "eval": other}
    policy["augment"] = written(nodes[first:], "/augment")
    policy["output"] = document.output()
    return policy, sources


def _prepared(nodes: tuple[Node, ...]) -> int:
    """How many nodes belong to `prepare`: those until all images have one size.

    With those that follow at once and are the same in evaluation, such as a central crop.
    """
    first = next((i for i, node in enumerate(nodes) if node.fixed), -1) + 1
    while 0 < first < len(nodes) and nodes[first].in_evaluation() == (nodes[first],):
        first += 1
    return first


def _mistakes(
    policy: dict[str, Any], sources: Mapping[str, str], size: ImageSize | None
) -> dict[str, str]:
    """What loading and planning say, by the place in the source."""
    if not sources:
        return {}
    found: dict[str, str] = {}
    for mistake in _refusals(policy, size):
        pointer = mistake.pointer
        while pointer and pointer not in sources:
            pointer = pointer.rpartition("/")[0]
        if not pointer:
            raise mistake
        found.setdefault(sources[pointer], mistake.message)
    return found


def _refusals(policy: dict[str, Any], size: ImageSize | None) -> Iterable[PolicyError]:
    try:
        loaded = load_policy(policy)
    except PolicyError as error:
        return error.mistakes
    refused: list[PolicyError] = []
    for training in (True, False):
        try:
            plan(loaded, training=training, size=size or (None, None))
        except PolicyError as error:
            refused += error.mistakes
    return refused
