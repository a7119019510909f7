"""Size, speed and parity of every op, alone: docs/op-table.md.

Each op runs the example of the op reference, always done. Speed goes through `augment_dataset`, in
turns with the floor that only casts.
"""

import ast
import inspect
import io
from collections.abc import Callable, Sequence
from functools import partial
from tokenize import COMMENT, DEDENT, ENDMARKER, INDENT, NEWLINE, NL, generate_tokens
from types import FunctionType
from typing import Any

import numpy as np
import tensorflow as tf

import augreg
from augreg.annotations.mixing import label_classes, mixing_steps, pastes
from augreg.images import photo_paths
from augreg.plugin.registry import FIRST_PARTY, default_registry
from augreg.testing.objects import OPTIONS, with_objects
from benchmarks import work
from benchmarks.measure import Runner
from benchmarks.peers import Source, contestants
from benchmarks.peers.placement import pulled
from benchmarks.race import Contestant, race

SEED = 7
IMAGES = 128
TOGETHER = 8  # ops that take turns with one another and the floor; more pipelines fill the memory
PHOTOS = 8  # samples that the reference makes
HOW: tuple[dict[str, Any], ...] = ({}, OPTIONS)  # a policy is run, and one that pastes objects
_NO_CODE = (COMMENT, NL, NEWLINE, INDENT, DEDENT, ENDMARKER)


def first_party() -> list[Any]:
    """augreg's own ops and macros by name."""
    known = default_registry()
    return [op for name, op in known.steps.items() if known.owner[name].distribution == FIRST_PARTY]


def policy_of(op: Any) -> Any:
    """The op's example alone, always done."""
    step = {key: value for key, value in op.example.items() if key != "p"}
    return augreg.load_policy({"version": 1, "augment": [{"op": op.name, **step}]})


def images(case: work.Case) -> np.ndarray:
    """uint8 [IMAGES,180,180,3]: a batch of the photographs that ship inside, then made up ones."""
    made = work.images(case)[:IMAGES]
    for i in range(case.batch):
        made[i] = work.photograph(photo_paths()[i % len(photo_paths())], case.size)
    return made


def _element(policy: Any, images: np.ndarray) -> Any:
    """The images, or a dict where the policy mixes them, with labels or objects that it mixes."""
    if not mixing_steps(policy):
        return images
    if pastes(policy):
        return with_objects(images)
    labels = {"labels": np.arange(len(images)) % 10} if label_classes(policy) is not None else {}
    return {"images": images, **labels}


def _pixels(element: Any) -> np.ndarray:
    return np.asarray(element["images"] if isinstance(element, dict) else element)


# --- size ---------------------------------------------------------------------------------------


def code_lines(function: Callable[..., Any]) -> int:
    """Lines with code of a function and of those of its own package that it names, decorators too.

    Docstrings, comments and blank lines don't count, nor do tables of constants.
    """
    return sum(_lines(_source(each)) for each in _with_helpers(function))


def _source(function: Callable[..., Any]) -> str:
    return inspect.cleandoc("\n" + inspect.getsource(function))


def _with_helpers(function: Callable[..., Any]) -> list[Any]:
    """The function, and those that it and its helpers name."""
    found: list[Any] = [function]
    for each in found:  # which grows meanwhile
        package = each.__module__.partition(".")[0]
        named = {n.id for n in ast.walk(ast.parse(_source(each))) if isinstance(n, ast.Name)}
        for helper in (each.__globals__.get(name) for name in sorted(named)):
            ours = isinstance(helper, FunctionType) and helper.__name__ != "<lambda>"
            if ours and helper.__module__.partition(".")[0] == package and helper not in found:
                found.append(helper)
    return found


def _lines(source: str) -> int:
    """Lines that hold a token of code and none of a docstring."""
    found: set[int] = set()
    for token in generate_tokens(io.StringIO(source).readline):
        if token.type not in _NO_CODE:
            found.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            docstring = node.body[0]
            found.difference_update(range(docstring.lineno, (docstring.end_lineno or 0) + 1))
    return len(found)


# --- speed --------------------------------------------------------------------------------------


def runner(op: Any, source: Source) -> Runner:
    """The op alone, through `augment_dataset`."""
    policy = policy_of(op)
    ds = tf.data.Dataset.from_tensor_slices(_element(policy, source.images)).repeat(1_000_000)
    return pulled(
        augreg.augment_dataset(ds, policy, source.case.batch, SEED, **HOW[pastes(policy)])
    )


def speeds(ops: Sequence[Any], source: Source, settings: work.Settings) -> dict[str, Any]:
    """An entry a contestant, with the first batch that it made: (entry, float32 [B,H,W,3])."""
    found: dict[str, Any] = {}
    floor = contestants(("floor",))
    known = [Contestant(op.name, op.name, partial(runner, op)) for op in ops]
    for at in range(0, len(known), TOGETHER):
        group = [*floor, *known[at : at + TOGETHER]]
        first: list[Any] = []
        _, entries = race(group, source, settings, source.case.batch, check=first.append)
        for entry in entries:
            if "skipped" in entry:
                raise RuntimeError(f"{entry['name']}: {entry['skipped']}")
            found[entry["name"]] = entry, _pixels(first.pop(0))
    return found


# --- parity -------------------------------------------------------------------------------------


def apart(one: Any, other: Any) -> dict[str, float]:
    """The greatest difference in levels (0 to 255), and the share of values above one level."""
    off = np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64)) * 255
    return {"levels": float(f"{off.max():.2g}"), "above": float(f"{np.mean(off > 1):.2g}")}


def from_reference(policy: Any, photos: np.ndarray, data: np.ndarray) -> dict[str, float]:
    """How far the reference and tf.data are apart on a batch, whose first samples will do."""
    element = _element(policy, photos)
    if element is photos:
        element = photos[:PHOTOS]
    made = _pixels(augreg.augment(element, policy, SEED, **HOW[pastes(policy)]))
    return apart(made, data[: len(made)])


def from_layer(policy: Any, photos: np.ndarray, data: np.ndarray) -> dict[str, float]:
    """How far tf.data and the Keras layer are apart on a batch."""
    layer = augreg.AugmentationLayer(policy, seed=SEED, **HOW[pastes(policy)])
    index = np.arange(len(photos))
    made = layer(_element(policy, photos), training=True, index=index, epoch=0)
    return apart(data, _pixels(made))


def run(settings: work.Settings) -> dict[str, Any]:
    """Everything about every op, printed as one table."""
    case, ops = work.Case("ops", work.BASE), first_party()
    source = Source(case, images(case))
    measured = speeds(ops, source, settings)
    photos, entries = source.images[: case.batch], []
    for op in ops:
        (speed, first), policy = measured[op.name], policy_of(op)
        entry = {
            "name": op.name,
            "lines": code_lines(op.function),
            "images_per_second": speed["images_per_second"],
            "floors": speed["floors"],
            "reference": from_reference(policy, photos, first),
        }
        # the kernels of a macro's many steps take longer to compile than all else here
        if not isinstance(op, augreg.Macro):
            entry["layer"] = from_layer(policy, photos, first)
        entries.append(entry)
    return {"ops": entries, "floor": measured["floor"][0]["images_per_second"]}
