"""Runs cases in their ways, and makes what fails smaller."""

from __future__ import annotations

import copy
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from augreg.errors import PolicyError
from augreg.policy import Step, walk
from net.case import Case, make
from net.compare import Expected
from net.generator import GROUPS
from net.ways import CHEAP, COSTLY, WAYS, RefusedHereError, reference

SMALL = 6  # steps that are cheap enough to compile
LARGE = 7  # one in so many of the other cases is compiled, too


@dataclass
class Failure:
    """A way that differs."""

    case: Case
    way: str
    said: str

    def __str__(self) -> str:
        return f"{self.way}: {self.said}\n  {self.case}"


@dataclass
class Tally:
    """What was run, and what was refused."""

    ran: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)


def ways_of(number: int, every: int) -> list[str]:
    """All cheap ways, and the costly ones in turn: each once in `every` cases."""
    costly = [
        way
        for i, way in enumerate(COSTLY)
        if every and (number + i * 3) % (8 if way == "no passes" else every) == 0
    ]
    return [*CHEAP, *costly]


def is_small(case: Case) -> bool:
    """Few steps: compiling takes a second for each."""
    steps = [
        n for n in walk((*case.policy.prepare_train, *case.policy.augment)) if isinstance(n, Step)
    ]
    return len(steps) <= SMALL


def run(number: int, ways: Iterable[str], tally: Tally) -> Case:
    """One case in some ways; what fails goes to the tally, made smaller."""
    case = make(number)
    tally.refused += case.refused
    if not is_small(case) and number % LARGE:
        ways = [way for way in ways if way not in COSTLY or way == "no passes"]
    for failure in failures(case, ways, tally):
        tally.failures.append(smaller(failure))
    return case


def failures(case: Case, ways: Iterable[str], tally: Tally | None = None) -> Iterator[Failure]:
    """The ways that differ from the oracle."""
    expected: dict[Any, Any] = {}
    tally = tally or Tally()
    for way in ways:
        from_zero = way == "dataset" or (way == "one by one" and case.mixes)
        mine = case.numbered_from(0) if from_zero else case
        key = mine is case
        try:
            if key not in expected:
                against = None if mine.parts == () else reference(mine)
                expected[key] = Expected(mine), against
            oracle, against = expected[key]
            said = oracle.check(WAYS[way](mine), against)
        except RefusedHereError as error:
            tally.skipped[f"{way}: {error}"] += 1
            continue
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            said = f"{type(error).__name__} at {place.filename}:{place.lineno}: {error}"[:600]
        tally.ran[way] += 1
        if said:
            yield Failure(case, way, said)


def smaller(failure: Failure, tries: int = 60) -> Failure:
    """The failure with steps, groups and options left out for as long as it still fails."""
    found = True
    while found and tries > 0:
        found = False
        for document in _cut(failure.case.document):
            tries -= 1
            again = _still(failure, document)
            if again is not None:
                failure, found = again, True
                break
            if tries <= 0:
                break
    return failure


def _still(failure: Failure, document: dict[str, Any]) -> Failure | None:
    try:
        again = next(failures(failure.case.with_document(document), [failure.way]), None)
    except (PolicyError, AssertionError):
        return None
    # "off by", "labels", "masks", or an error's name: another fault is not this one made smaller
    return again if again and again.said.split()[0] == failure.said.split()[0] else None


def _cut(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Documents with one thing less."""
    for name in ("output", "prepare"):
        if name in document:
            yield {key: value for key, value in document.items() if key != name}
    for place in _places(document):
        node = _at(document, place)
        yield _changed(document, place, [])
        for kind in GROUPS:
            for branch in node.get(kind, ()):
                yield _changed(document, place, [branch])
        if "p" in node or "weights" in node:
            plain = {key: value for key, value in node.items() if key not in ("p", "weights")}
            yield _changed(document, place, [plain])


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where nodes stand, the outermost first."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key in ("prepare", "augment", "train", "eval", *GROUPS):
                yield from _places(part, (*place, key))
    elif isinstance(value, list):
        for i, part in enumerate(value):
            if isinstance(part, dict):
                yield (*place, i)
        for i, part in enumerate(value):
            yield from _places(part, (*place, i))


def _at(document: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        document = document[key]
    return document


def _changed(document: Any, place: tuple[Any, ...], nodes: list[Any]) -> dict[str, Any]:
    document = copy.deepcopy(document)
    around = _at(document, place[:-1])
    around[place[-1] : place[-1] + 1] = nodes
    return document
