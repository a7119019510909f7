"""A policy whose step is weaker, as a proposal: nothing is changed here."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from augreg.annotations.parts import IMAGES
from augreg.errors import PolicyError, show
from augreg.plan import plan
from augreg.plugin.registry import Registry
from augreg.policy import Policy, Step, load_policy, outermost
from augreg.policy.document import part_at, parts_of
from augreg.views.narrowing import lower_p, narrowed
from augreg.views.trace import Sample, ranges
from augreg.views.undoing import Blame, Removable


@dataclass(frozen=True)
class Proposal:
    """A change of one value of a policy.

    Attributes:
        pointer: where the value stands, as "/augment/1/degrees".
        old, new: as the policy writes it; old may be a default, which it does not write.
        document: the whole policy with the new value; it was loaded, and works on the image.
        says: the change in words.
    """

    pointer: str
    old: Any
    new: Any
    document: Mapping[str, Any]
    says: str


def propose(
    policy: Policy,
    sample: Sample,
    removable: Removable,
    blame: Blame | None,
    registry: Registry | None,
) -> Proposal:
    """A narrower range without the value that is to blame, or else a lower p.

    Raises:
        PolicyError: there is nothing to change, or the policy would not work with it; it says why.
    """
    pointer = removable.pointer.partition("#")[0]
    if (macro := outermost(pointer, policy.macros)) != pointer:
        raise PolicyError(f"{macro} stands for this step: lower what is given there")
    document = copy.deepcopy(dict(policy.source))
    node = part_at(document, parts_of(pointer))
    name, old, new = _narrower(removable, node, blame) or ("p", node.get("p", 1), None)
    if name == "p":
        new = lower_p(old)
    node[name] = new
    says = f"{name} {show(new)} in place of {show(old)}"
    image = sample.element[IMAGES]
    try:
        loaded = load_policy(document, registry=registry)
        plan(loaded, size=(image.shape[0], image.shape[1]), channels=image.shape[2])
    except PolicyError as error:
        raise PolicyError(f"with {says} the policy would not work: {error.message}") from error
    return Proposal(f"{pointer}/{name}", old, new, document, says)


def _narrower(
    removable: Removable, node: Mapping[str, Any], blame: Blame | None
) -> tuple[str, Any, Any] | None:
    """A parameter, its range as the policy writes it, and a narrower one; None: there is none."""
    if blame is None or not isinstance(removable.node, Step):
        return None
    name = blame.parameter
    drawn, dtype = ranges(removable.node)[name]
    old = node.get(name, removable.node.op.settable[name].default)
    whole = dtype == "int32"
    new = narrowed(old, drawn.support, blame.value, blame.weakest, whole=whole)
    return None if new is None else (name, old, new)
