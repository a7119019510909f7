"""Whether an op survives being written down: its schema, a policy's JSON, and a layer's config."""

from __future__ import annotations

import json

import numpy as np

from augreg.annotations.element import image_of
from augreg.policy import load_policy
from augreg.policy.schema import step_schema
from augreg.testing.cases import INDEX, SEED, Case
from augreg.testing.pixels import element_with, options_of


def check_saved(case: Case) -> None:
    """A policy and a layer with the op, written as JSON and read back, give the same pixels."""
    from augreg.layer import AugmentationLayer

    if not case.example:
        return
    layer = AugmentationLayer(case.policy, SEED, **options_of(case))
    try:
        json.dumps(step_schema(case.op), allow_nan=False)
        text = json.dumps(layer.get_config(), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise case.fail(
            f"it can't be written as JSON: {error}; its parameters, defaults, example and version "
            "have to be plain numbers, words and lists"
        ) from error
    config = json.loads(text)
    again = load_policy(config["policy"], registry=case.registry)
    if again.hash != case.policy.hash:
        raise case.fail("a policy with it has another hash once it is written and read")
    read = AugmentationLayer.from_config({**config, "policy": again})
    given = element_with(case, smooth=False)
    one, other = (each(given, training=True, index=INDEX, epoch=0) for each in (layer, read))
    if not np.array_equal(image_of(one), image_of(other)):
        raise case.fail("a layer gives other pixels once it is saved and loaded")
