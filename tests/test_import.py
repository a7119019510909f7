"""What `import augreg` does beside Keras: it registers the layer, and loads nothing heavy."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import augreg


def run(script: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import keras

    layer = augreg.AugmentationLayer({"version": 1, "augment": [{"op": "invert"}]}, seed=7)
    model = keras.Sequential([keras.Input((4, 4, 3), dtype="uint8"), layer])
    path = tmp_path_factory.mktemp("model") / "m.keras"
    model.save(path)
    return path


def test_model_loads_after_import_augreg_alone(saved: Path) -> None:
    done = run(
        "import sys, keras, numpy as np\nimport augreg\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "assert model(np.zeros((1, 4, 4, 3), 'uint8'), training=True).numpy().min() == 1\n",
        saved,
    )
    assert done.returncode == 0, done.stderr


def test_keras_that_came_later_says_how_to_load_the_model(saved: Path) -> None:
    done = run(
        "import sys, augreg\nassert 'keras' not in sys.modules\nimport keras, numpy as np\n"
        "try:\n    keras.saving.load_model(sys.argv[1])\n"
        "except TypeError as error:\n    assert 'import augreg after keras' in str(error), error\n"
        "else:  # Keras imports the modules that a file names before 3.9 only, for safety\n"
        "    assert tuple(map(int, keras.__version__.split('.')[:2])) < (3, 9)\n"
        "augreg.AugmentationLayer\n"
        "assert keras.saving.load_model(sys.argv[1]).layers[0].seed == 7\n",
        saved,
    )
    assert done.returncode == 0, done.stderr


def test_import_alone_loads_nothing_heavy() -> None:
    done = run(
        "import sys, augreg\n"
        "heavy = {'keras', 'tensorflow', 'numpy', 'matplotlib', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    assert done.returncode == 0, done.stderr


def test_keras_of_another_backend_brings_no_tensorflow() -> None:
    done = run(
        "import sys, types\n"
        "keras = types.ModuleType('keras')\n"
        "keras.saving, keras.config = object(), types.SimpleNamespace(backend=lambda: 'jax')\n"
        "sys.modules['keras'] = keras\n"
        "import augreg\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    assert done.returncode == 0, done.stderr


def test_beam_that_is_missing_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    monkeypatch.delitem(sys.modules, "augreg.beam", raising=False)
    with pytest.raises(ModuleNotFoundError) as raised:
        importlib.import_module("augreg.beam")
    assert str(raised.value) == "augreg.beam needs Apache Beam: pip install 'augreg[beam]'"


def test_renamed_name_is_kept_for_a_release() -> None:
    with pytest.warns(DeprecationWarning, match=r"augreg.Unit is augreg.Uniform01 now"):
        assert augreg.Unit is augreg.Uniform01
    assert "Unit" not in dir(augreg)
