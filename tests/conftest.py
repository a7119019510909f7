"""What every test shares. Set before any test module imports TensorFlow or matplotlib."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from augreg.plugin.registry import default_registry

if TYPE_CHECKING:
    from augreg.studio.samples.renderer import Renderer

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["AUGREG_CACHE"] = ""  # what a test compiles is not another run's
# A twentieth of the suite was oneDNN's search among all kernels at each function's start. Only the
# networks that are trained have any of its kernels; `make test-scale` trains with them.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
# Programs are compiled quickly, not to run quickly: without LLVM's optimizations (so products and
# sums are not fused, and round otherwise) and by XLA's older emitters, which is a sixth of the
# suite. `make test-optimized` runs the tests of pixels on the code that users have.
_quick = ["--xla_cpu_parallel_codegen_split_count=1", "--xla_backend_optimization_level=0"]
if not version("tensorflow").startswith("2.18"):  # whose XLA does not know it
    _quick.append("--xla_cpu_use_fusion_emitters=false")
os.environ.setdefault("XLA_FLAGS", " ".join(_quick))

gc.disable()  # until everything is imported: see below
# What tests start is spared most of the same: see there. It allocates as users' programs do.
_CHILDREN = str(Path(__file__).parent / "children")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [_CHILDREN, os.environ.get("PYTHONPATH")]))
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling augreg takes each of them 0.1 s
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("LD_PRELOAD", None)

# The terminal and the settings of whoever runs the suite are no part of it: what a test prints is
# 80 columns wide and without colours (rich and typer read these when they are imported), and
# nothing is switched on or off that a test does not switch.
os.environ["COLUMNS"] = "80"
for _name in (
    *("FORCE_COLOR", "NO_COLOR", "PY_COLORS", "TTY_COMPATIBLE", "TERMINAL_WIDTH", "GITHUB_ACTIONS"),
    *("AUGREG_DEBUG", "AUGREG_DISABLE_PLUGINS", "KERAS_BACKEND"),
):
    os.environ.pop(_name, None)

# No deadline: the first example of a shape compiles. Derandomized: a failure in CI is a failure
# at home; `--hypothesis-profile=explore` looks further.
settings.register_profile("augreg", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("augreg")


def pytest_collection_finish() -> None:
    """Spares the tests what takes TensorFlow long and shows nothing.

    Python's garbage collector went over the half a million objects of its import again and again, a
    tenth of the suite's time. And for each operation that is traced it takes down the stack of
    Python, 70 calls deep in a test: a twentieth.
    """
    gc.enable()
    gc.freeze()
    if tf_stack := sys.modules.get("tensorflow.python.util.tf_stack"):
        stack = tf_stack.extract_stack()
        tf_stack.extract_stack = lambda stacklevel=1: stack


@pytest.fixture(autouse=True)
def _fresh_registry() -> Iterator[None]:
    """Plugins are found anew for each test, so that none sees what another installed or blocked."""
    default_registry.cache_clear()
    yield
    default_registry.cache_clear()


@pytest.fixture(autouse=True)
def _numbers_of_its_own(request: pytest.FixtureRequest) -> None:
    """A module's `RNG` is where the module left it, whatever test ran before in this process."""
    if generator := getattr(request.module, "RNG", None):
        state = generator.bit_generator.state
        generator.bit_generator.state = _STATES.setdefault(request.module.__name__, state)


_STATES: dict[str, Any] = {}


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    """The studio's, with TensorFlow loaded; its programs are the module's own."""
    from augreg.studio.samples.renderer import Renderer

    made = Renderer()
    made.wait()
    return made


@pytest.fixture
def foreground() -> Iterator[None]:
    """SIGINT as in a terminal, here and in what the test starts.

    Where the suite runs in the background, a shell has started it with SIGINT ignored, and it
    would be ignored in every program that a test starts.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
