"""The contestants: one module a library, each turning a case into a runner.

A contestant imports its library only when it is built, so that a missing one is reported as
skipped and costs the others nothing.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.measure import Runner
from benchmarks.work import Case

MODULES = ("floor", "ours", "keras_layers", "tf_image", "albumentations")


@dataclass(frozen=True)
class Source:
    """What is worked on. images: uint8 [N,H,W,3], shared by the contestants in this process."""

    case: Case
    images: np.ndarray


@dataclass(frozen=True)
class Contestant:
    """name: the key in JSON; title: for people; build: sets it up, or raises `Skipped`.

    extra: measured only with `--every`, or when named.
    """

    name: str
    title: str
    build: Callable[[Source], Runner]
    extra: bool = False


# Who is measured where a policy's size is not the one that the goals are for.
MAIN = ("floor", "augreg", "keras_data", "keras_model", "tf_image", "albumentations_2p")


def contestants(only: tuple[str, ...] = (), every: bool = False) -> list[Contestant]:
    """The contestants in the order of the tables: those in `only`, else all but the extra ones."""
    modules = [importlib.import_module(f"benchmarks.peers.{name}") for name in MODULES]
    known: list[Contestant] = [found for module in modules for found in module.CONTESTANTS]
    unknown = set(only) - {found.name for found in known}
    if unknown:
        names = ", ".join(found.name for found in known)
        raise SystemExit(f"no contestant {', '.join(sorted(unknown))}; there are: {names}")
    if only:
        return [found for found in known if found.name in only]
    return [found for found in known if every or not found.extra]
