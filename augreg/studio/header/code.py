"""The policy as Python to paste: for a `tf.data` pipeline, and for a Keras model."""

from __future__ import annotations

import json
import pprint

from augreg.studio.session import Session

_DATASET = '''\
import augreg

POLICY = {policy}


def batches(dataset, training=True, batch_size=32):
    """Batches of a tf.data.Dataset of images with labels; augmented in training only."""
    return augreg.augment_dataset(
        dataset, POLICY, batch_size=batch_size, seed={seed}, training=training
    )
'''

_LAYER = """\
import augreg

POLICY = {policy}

layer = augreg.AugmentationLayer(POLICY, seed={seed})
"""


def for_dataset(session: Session) -> str:
    """A function that makes batches by `augment_dataset`."""
    return _DATASET.format(policy=_policy(session), seed=session.view.seed)


def for_keras(session: Session) -> str:
    """The Keras layer."""
    return _LAYER.format(policy=_policy(session), seed=session.view.seed)


def _policy(session: Session) -> str:
    """The policy's file where the text is saved in it, else the policy itself."""
    if session.text == session.saved and session.file:
        return repr(session.file)
    return pprint.pformat(json.loads(session.text), width=96, sort_dicts=False, indent=1)
