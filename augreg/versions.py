"""Versions of what augreg runs on, without importing it."""

from __future__ import annotations

from importlib import metadata

_WHEELS = ("tensorflow", "tensorflow-cpu", "tensorflow-rocm", "tf-nightly")


def tensorflow_version() -> str:
    """TensorFlow's; `unknown` for a build of one's own."""
    for wheel in _WHEELS:
        try:
            return metadata.version(wheel)
        except metadata.PackageNotFoundError:
            continue
    return "unknown"
