"""The contract of an op as a list of checks, each with the name that a report gives it."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from augreg.plugin import params
from augreg.plugin.macro import Macro
from augreg.plugin.op import Op
from augreg.plugin.registry import Registry
from augreg.policy.schema import step_schema
from augreg.testing.annotated import check_annotations
from augreg.testing.cases import Case, ContractError, case_of, cases, channels_of, registry_with
from augreg.testing.pixels import (
    check_identity,
    check_pixels,
    check_range,
    check_run_time,
    check_xla,
)
from augreg.testing.saved import check_saved
from augreg.testing.transforms import (
    check_determinism,
    check_independence,
    check_result,
    check_tensorflow,
)

PASSED, BROKEN, NOT_DECLARED, NOT_RUN = "passed", "broken", "not declared", "not run"

# What one call of the op shows, before anything is compared.
BASICS = ("declaration", "call", "shape", "dtype")
NEUTRAL = "neutral value"
# In the order in which a fault is best told: what a later one finds may follow from an earlier one.
CHECKS: dict[str, Callable[[Case], None]] = {
    "range": check_range,
    "determinism": check_determinism,
    "batch independence": check_independence,
    "TensorFlow": check_tensorflow,
    "annotations": check_annotations,
    "XLA": check_xla,
    "run-time sizes": check_run_time,
    "reference and kernels": check_pixels,
    NEUTRAL: check_identity,
    "serialization": check_saved,
}
NAMES = (*BASICS, *CHECKS)


@dataclass(frozen=True)
class Finding:
    """What a check found of an op.

    Attributes:
        op, check: their names.
        state: passed, broken, not declared (a neutral value), or not run (after a broken one).
        error: what is broken.
        place: "file:line" of the code that broke, or of the op; empty where Python can't tell.
    """

    op: str
    check: str
    state: str
    error: ContractError | None = None
    place: str = ""

    def record(self) -> dict[str, Any]:
        """The finding as plain data: with `found` and, where a step shows it, `arguments`."""
        made = {"op": self.op, "check": self.check, "state": self.state, "place": self.place}
        if self.error is None:
            return made
        images = self.error.shape and "x".join(map(str, self.error.shape))
        return {
            **made,
            "found": self.error.found,
            "arguments": self.error.given,
            "images": images,
        }


def findings(op: Op, registry: Registry | None = None) -> Iterator[Finding]:
    """What each of `NAMES` finds, one after another; after one that is broken, none is run.

    registry: the ops that policies can use, `op` added; None: the installed ones.
    """
    tried, broken = _tried(op, registry_with(op, registry=registry))
    for place, name in enumerate(NAMES):
        if broken is None and name in CHECKS:
            broken = _run(name, tried[name])
        if broken is not None and place == NAMES.index(broken.check):
            yield Finding(op.name, name, BROKEN, broken, place_of(op, broken))
        elif broken is not None and place > NAMES.index(broken.check):
            yield Finding(op.name, name, NOT_RUN)
        else:
            undeclared = name == NEUTRAL and op.identity is None
            yield Finding(op.name, name, NOT_DECLARED if undeclared else PASSED)


def _tried(op: Op, ops: Registry) -> tuple[dict[str, list[Case]], ContractError | None]:
    """The cases that each of `CHECKS` tries, and the first of `BASICS` that is broken."""
    try:
        _check_schema(op)
        with np.errstate(all="ignore"):  # what becomes NaN is reported as such, with its place
            every, neutral = list(cases(op, ops)), []
            if (identity := op.identity) is not None:
                neutral = [case_of(op, ops, identity, channels) for channels in channels_of(op)]
            for case in every:
                check_result(case)
    except ContractError as error:
        return {}, error
    return {**dict.fromkeys(CHECKS, every), NEUTRAL: neutral}, None


def _run(name: str, tried: list[Case]) -> ContractError | None:
    """What one of `CHECKS` finds broken; an exception that nobody foresaw is the op's, too."""
    for case in (replace(case, check=name) for case in tried):
        try:
            with np.errstate(all="ignore"):
                CHECKS[name](case)
        except ContractError as error:
            return error
        except Exception as error:
            unforeseen = case.fail(f"{type(error).__name__}: {error}")
            unforeseen.__cause__ = error
            return unforeseen
    return None


def place_of(op: Op | Macro, error: BaseException | None = None) -> str:
    """The last line of the op's file that an error came through, or where the op begins."""
    code = getattr(inspect.unwrap(op.function), "__code__", None)
    if code is None:
        return ""
    line = code.co_firstlineno
    while error is not None:
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename == code.co_filename and frame.lineno:
                line = frame.lineno
        error = error.__cause__
    return f"{code.co_filename}:{line}"


def _check_schema(op: Op) -> None:
    """The version is a number, and the example, strengths and identity are steps."""
    import jsonschema

    def fail(found: str) -> ContractError:
        return ContractError(op.name, BASICS[0], found)

    version: Any = op.version  # whatever the author wrote
    if not isinstance(version, int) or version < 1:
        raise fail(f"its version is {version!r}; it has to be an int, 1 or more")
    for name, spec in op.settable.items():
        if spec.default is params.REQUIRED and name not in op.example:
            raise fail(f'"{name}" has no default, so the op needs an example that gives it')
    validator = jsonschema.Draft202012Validator(step_schema(op))
    named = [("example", op.example), *(("strength", given) for given in op.strengths)]
    named += [] if op.identity is None else [("identity", op.identity)]
    for what, given in named:
        for fault in validator.iter_errors({"op": op.name, **given}):
            raise fail(f"its {what} {dict(given)} is no step: {fault.message}")
    if len(op.strengths) not in (0, 3):
        raise fail(f"{len(op.strengths)} strengths; give low, middle and high")
