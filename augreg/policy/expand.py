"""A policy with its macros written out: what `augreg expand` prints."""

from __future__ import annotations

import copy
from typing import Any

from augreg.plugin.registry import Registry
from augreg.policy.loader import expanded, load_policy


def expand(policy: Any, *, registry: Registry | None = None) -> dict[str, Any]:
    """The policy as a dict in which every macro is the ordinary group that it stands for.

    Args:
        policy: a `Policy`, a dict or a path.
        registry: the ops that it may use; those of all installed plugins where None.

    It gives the same pixels as `policy`, and loads where the plugin of the macro is missing.

    Raises:
        PolicyError: the policy is wrong.

    >>> from augreg.policy.expand import expand
    >>> step = {"op": "rand_augment", "n": 1, "magnitude": 9}
    >>> list(expand({"version": 1, "augment": [step]})["augment"][0])
    ['sequence']
    """
    loaded = load_policy(policy, registry=registry)
    return copy.deepcopy(expanded(loaded.source, registry)[0])
