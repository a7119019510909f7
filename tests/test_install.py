"""augreg beside a TensorFlow whose wheel has another name, as tensorflow-cpu has."""

from __future__ import annotations

from importlib import metadata

import pytest
import tensorflow as tf

from augreg.apply.settings import _tensorflow
from augreg.train.report import versions


@pytest.fixture(autouse=True)
def no_wheel_named_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name == "tensorflow":
            raise metadata.PackageNotFoundError(name)
        return tf.__version__ if name == "tensorflow-cpu" else real(name)

    monkeypatch.setattr(metadata, "version", version)


def test_summary_of_a_training_names_the_version_of_tensorflow_cpu() -> None:
    assert versions({})["tensorflow"] == tf.__version__


def test_settings_of_apply_name_the_version_of_tensorflow_cpu() -> None:
    assert _tensorflow() == tf.__version__
