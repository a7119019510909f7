"""A third-party wheel beside augreg's own, in a fresh environment: its ops are everywhere."""

from __future__ import annotations

import ast
import fcntl
import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CHILDREN = ROOT / "tests" / "children"  # no package of ours is there
EXAMPLE = ROOT / "plugins" / "augreg-example-tint"
OPS = ["acme/gamma", "acme/straighten", "acme/tint"]
WHEEL = "augreg-example-tint 0.3.0"

pytestmark = pytest.mark.slow

# Runs in the fresh environment, in one process, because loading TensorFlow takes most of the time.
# It writes what it saw to a file, and the tests below look at one part each.
PROBE = """
import json, os, sys, warnings
import keras, numpy as np, tensorflow as tf
import acme_tint, augreg
from augreg.plugin.registry import DISABLE, default_registry

seen = {"files": [augreg.__file__, acme_tint.__file__]}
step = {"op": "acme/tint", "amount": [0.0, 0.5], "p": 0.9}
turn = {"op": "acme/straighten", "degrees": [-20, 20]}
policy = {"version": 1, "augment": [turn, step, {"op": "acme/gamma"}]}
images = np.random.default_rng(0).integers(0, 256, (4, 32, 40, 3)).astype(np.uint8)
index = np.arange(4)

reference = augreg.augment(images, policy, seed=7, index=index)
seen["changed"] = float(np.abs(reference - images / 255).max())
ds = tf.data.Dataset.from_tensor_slices(images)
batch = next(iter(augreg.augment_dataset(ds, policy, batch_size=4, seed=7))).numpy()
seen["dataset"] = float(np.abs(batch - reference).max())
layer = augreg.AugmentationLayer(policy, seed=7)
seen["layer"] = float(np.abs(layer(images, training=True, index=index, epoch=0) - reference).max())

model = keras.Sequential([keras.Input((32, 40, 3), dtype="uint8"), layer])
path = os.path.join(sys.argv[1], "model.keras")
model.save(path)
loaded = keras.saving.load_model(path).layers[-1]
result = loaded(images, training=True, index=index, epoch=0)
seen["loaded"] = float(np.abs(result - reference).max())
seen["plugins"] = loaded.get_config()["plugins"]

import pytest
seen["own tests"] = pytest.main(["-q", "-p", "no:cacheprovider", sys.argv[2]])

os.environ[DISABLE] = "acme"
default_registry.cache_clear()
try:
    keras.saving.load_model(path)
    seen["missing"] = "it was loaded"
except Exception as error:
    seen["missing"] = f"{type(error).__name__}: {error}"
part = os.path.join(sys.argv[1], "seen.part")
with open(part, "w") as file:
    json.dump(seen, file)
os.replace(part, os.path.join(sys.argv[1], "seen.json"))
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A folder that the processes of one test run share, filled by the first that needs it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "plugin_wheel"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "seen.json").exists():
            wheels = build_wheels(folder / "wheels")
            python = fresh_environment(folder / "venv", wheels)
            # not from the repository's root: the current folder comes before what is installed
            run([python, "-c", PROBE, folder, EXAMPLE / "tests"], cwd=folder)
    return folder


@pytest.fixture(scope="module")
def fresh(shared):
    """The Python of the fresh environment."""
    return shared / "venv" / "bin" / "python"


@pytest.fixture(scope="module")
def seen(shared):
    """What `PROBE` saw."""
    return json.loads((shared / "seen.json").read_text())


def build_wheels(folder):
    """augreg's wheel and the example's, built without isolation and so without a network."""
    for project in (ROOT, EXAMPLE):
        run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=project)
    return sorted(folder.glob("*.whl"))


def fresh_environment(folder, wheels):
    """The Python of an environment with the two wheels, and of ours nothing but dependencies.

    A `.pth` file adds this environment's site-packages behind its own. Such a folder's own `.pth`
    files are not followed, so an editable augreg does not shadow the wheel.
    """
    venv.create(folder, with_pip=True, symlinks=True, clear=True)
    python = folder / "bin" / "python"
    site = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip()
    (Path(site) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--no-index", "--no-deps", *wheels])
    return python


def run(command, **options):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "AUGREG"))}
    environment["PYTHONPATH"] = str(CHILDREN)
    environment |= options.pop("environment", {})
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=600,
        **options,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def augreg_command(fresh, *arguments, **environment):
    return run([fresh.parent / "augreg", *arguments], environment=environment)


def test_wheels_are_what_runs(seen, fresh):
    site = str(fresh.parent.parent)
    assert [path.startswith(site) for path in seen["files"]] == [True, True], seen["files"]


def test_op_augments_in_the_reference(seen):
    assert seen["changed"] > 0.1


@pytest.mark.parametrize("target", ["dataset", "layer", "loaded"])
def test_op_gives_the_same_pixels_in_every_target(seen, target):
    assert seen[target] <= 1 / 255


def test_saved_model_keeps_the_plugins_it_needs(seen):
    assert seen["plugins"] == {"augreg-example-tint": "0.3.0"}


def test_model_that_needs_a_missing_plugin_names_wheel_and_version(seen):
    assert "PluginError" in seen["missing"]
    assert 'unknown op "acme/straighten"' in seen["missing"]
    assert f"the layer was saved with: {WHEEL}" in seen["missing"]


def test_example_passes_its_own_tests(seen):
    assert seen["own tests"] == 0


def test_op_is_listed(fresh):
    listed = augreg_command(fresh, "ops")
    assert all(name in listed for name in OPS)
    assert "Moves red up and blue down" in augreg_command(fresh, "ops", "acme/tint")


def test_op_is_in_the_schema(fresh):
    schema = json.loads(augreg_command(fresh, "schema"))
    assert set(OPS) <= set(schema["$defs"]["step"]["properties"]["op"]["enum"])


def test_plugin_is_listed_with_version_ops_and_state(fresh):
    (line,) = (x for x in augreg_command(fresh, "plugins").splitlines() if "0.3.0" in x)
    assert "acme" in line and "ready" in line


def test_blocked_plugin_is_listed_and_its_ops_are_gone(fresh):
    blocked = {"AUGREG_DISABLE_PLUGINS": "acme"}
    assert "acme/tint" not in augreg_command(fresh, "ops", **blocked)
    assert "disabled" in augreg_command(fresh, "plugins", **blocked)


def test_new_plugin_is_written_whole(fresh, tmp_path):
    augreg_command(fresh, "new-plugin", "augreg-new", "--directory", tmp_path / "new")
    written = {str(p.relative_to(tmp_path / "new")) for p in (tmp_path / "new").rglob("*.*")}
    assert {".gitignore", ".github/workflows/test.yml", "augreg_new/color.py"} <= written
    assert (tmp_path / "new" / "LICENSE").exists()


def test_policy_with_the_op_validates(fresh, tmp_path):
    policy = tmp_path / "tinted.json"
    policy.write_text('{"version": 1, "augment": [{"op": "acme/tint", "p": 0.5}]}')
    augreg_command(fresh, "validate", policy)


# --- without an environment of its own ----------------------------------------------------------


def test_smallest_op_of_the_example_has_at_most_fifteen_lines():
    tree = ast.parse((EXAMPLE / "acme_tint" / "__init__.py").read_text())
    (tint,) = (n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "tint")
    assert tint.end_lineno - tint.decorator_list[0].lineno + 1 <= 15


def test_example_imports_augreg_only():
    for path in (EXAMPLE / "acme_tint").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.startswith("augreg.") for name in names), (path, names)
