"""What the figures were taken on: processor, cores, memory, versions, date."""

import datetime
import importlib.metadata
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measure import cpu_seconds

PACKAGES = (
    "augreg",
    "tensorflow",
    "keras",
    "numpy",
    "albumentations",
    "albucore",
    "opencv-python-headless",
    "keras-aug",
    "torch",
    "torchvision",
    "kornia",
)
# What variables that change a run's speed begin with.
VARIABLES = ("XLA_FLAGS", "TF_XLA_FLAGS", "TF_NUM_", "TF_ENABLE_", "OMP_")


def processor() -> str:
    """The processor's model; Linux knows more than `platform` does."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    fields = (line.partition(":") for line in lines)
    named = {key.strip(): value.strip() for key, _, value in fields}
    model = named.get("model name") or platform.processor() or platform.machine()
    family = f" (family {named['cpu family']})" if "cpu family" in named else ""
    wide = ", AVX-512" if "avx512f" in named.get("flags", "") else ""
    return f"{model}{family}{wide}"


def versions() -> dict[str, str]:
    """Python's and the packages' versions; a package that is missing says so."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def output(*command: str) -> str:
    """What a command prints; the end of its complaint as an error where it fails."""
    kept = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}  # compiled once, as what is installed
    done = subprocess.run(command, capture_output=True, text=True, env=kept)
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout)[-400:])
    return done.stdout


def commit() -> str:
    """The commit of the augreg measured, with + where its tree differs; empty without git."""
    import augreg  # Here, because the time of the first batch holds it.

    folder = str(Path(augreg.__file__).parent)
    try:
        command = ("git", "-C", folder, "describe", "--always", "--dirty=+", "--exclude=*")
        return output(*command).strip()
    except (OSError, RuntimeError):
        return ""


def others() -> Callable[[], float]:
    """A function that says how many cores other programs kept busy on average since this call."""

    def spent() -> float:
        every = psutil.cpu_times()
        busy = sum(every) - every.idle - getattr(every, "iowait", 0.0)
        return float(busy) - cpu_seconds()

    start, before = time.perf_counter(), spent()
    return lambda: round(max(0.0, (spent() - before) / (time.perf_counter() - start)), 2)


def describe() -> dict[str, Any]:
    """Everything that a reader needs to judge the figures, as JSON values."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": processor(),
        "cores": available,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
        "commit": commit(),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "load_before": round(psutil.getloadavg()[0], 2),
        "environment": {k: v for k, v in os.environ.items() if k.startswith(VARIABLES)},
    }
