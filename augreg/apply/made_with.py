"""What outputs are made with: as far as it is the same, so are their bytes."""

from __future__ import annotations

import platform
import re
from importlib.metadata import version
from pathlib import Path

from augreg import __version__
from augreg.versions import tensorflow_version


def made_with() -> dict[str, str]:
    """The versions and the instruction set of this process."""
    return {
        "augreg": __version__,
        "tensorflow": tensorflow_version(),
        "isal": version("isal"),
        "instruction_set": instruction_set(),
    }


def instruction_set(machine: str = "", cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's: `avx2` (and wider), `avx`, `sse4_2`, `neon`, or `unknown`.

    AVX-512 is no name of its own: of 400 files none differed from AVX2's. Without AVX2 there is no
    fused multiply-add, and 376 of 400 differed, by one level on 0.007 % of the values.
    """
    if (machine or platform.machine()).lower() in ("arm64", "aarch64"):
        return "neon"
    try:
        found = re.search(r"^flags\s*:(.*)$", cpuinfo.read_text(), re.MULTILINE)
    except OSError:
        return "unknown"
    flags = set(found[1].split()) if found else set()
    return next((name for name in ("avx2", "avx", "sse4_2") if name in flags), "unknown")
