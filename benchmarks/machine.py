"""What the figures were taken on: processor, cores, memory, versions, date."""

import datetime
import importlib.metadata
import os
import platform
import subprocess
import time
from dataclasses import dataclass
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
)
VARIABLES = (
    "XLA_FLAGS",
    "TF_XLA_FLAGS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "OMP_NUM_THREADS",
    "TF_ENABLE_ONEDNN_OPTS",
)


def processor() -> str:
    """The processor's model; Linux knows more than `platform` does."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    named = {key.strip(): value.strip() for key, value in fields.items()}
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


def commit() -> str:
    """The commit that was measured, with + where the working tree differs; empty without git."""
    here = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@dataclass(frozen=True)
class Others:
    """How busy other programs kept the machine since `now()`.

    Child processes count as ours once they have ended and been waited for, or while they live.
    """

    start: float
    busy: float
    ours: float

    @staticmethod
    def _busy() -> float:
        spent = psutil.cpu_times()
        return float(sum(spent) - spent.idle - getattr(spent, "iowait", 0.0))

    @staticmethod
    def _ours() -> float:
        spent = os.times()
        return cpu_seconds() + spent.children_user + spent.children_system

    @classmethod
    def now(cls) -> "Others":
        return cls(time.perf_counter(), cls._busy(), cls._ours())

    def cores(self) -> float:
        """Cores that others kept busy on average since then."""
        spent = (self._busy() - self.busy) - (self._ours() - self.ours)
        return round(max(0.0, spent / (time.perf_counter() - self.start)), 2)


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
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }
