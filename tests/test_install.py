"""augreg beside a TensorFlow whose wheel has another name, as tensorflow-cpu has."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import tensorflow as tf

from augreg.apply.made_with import made_with
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
    assert made_with()["tensorflow"] == tf.__version__


def test_recipe_beside_tensorflow_cpu_names_every_dependency() -> None:
    root = Path(__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    names = {re.split("[<>=;]", line)[0].strip() for line in project["dependencies"]}
    page = (root / "docs" / "install.md").read_text()
    recipe = page.partition("$ pip install tensorflow-cpu ")[2]
    named = set(re.findall(r"[a-z][\w-]*", recipe.partition("\n$")[0]))
    # TensorFlow's wheels depend on Keras and NumPy themselves.
    assert names - named == {"tensorflow", "keras", "numpy"}
