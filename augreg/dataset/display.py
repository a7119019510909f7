"""How a dataset of `augment_dataset` shows itself at a prompt and in a notebook."""

from __future__ import annotations

import html
from typing import Any

import tensorflow as tf

from augreg.policy import Policy


def described(dataset: tf.data.Dataset, policy: Policy, about: str) -> tf.data.Dataset:
    """`dataset`, whose repr says which policy it runs, and how (`about`).

    TensorFlow's own, `<_PrefetchDataset element_spec=...>`, comes after it. Python looks a repr up
    on the class, and a dataset of another class than the one that TensorFlow made would have to
    be built of its private parts; so this one object gets a subclass of its class that adds
    nothing else. What is made of it (`.take(1)`) is TensorFlow's again.
    """
    plain: Any = type(dataset)

    def text(self: Any) -> str:
        return f"<augreg dataset, {about}\n{policy!r}\n{plain.__repr__(self)}>"

    def page(self: Any) -> str:
        spec = html.escape(str(self.element_spec))
        return f"<div>{html.escape(about)}{policy._repr_html_()}<code>{spec}</code></div>"

    names = {"__repr__": text, "__str__": text, "_repr_html_": page, "__module__": plain.__module__}
    dataset.__class__ = type(plain.__name__, (plain,), names)
    return dataset
