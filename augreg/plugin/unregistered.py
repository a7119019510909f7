"""Installed distributions that have a plugin's hook and no entry point, so that nobody finds it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlparse

from augreg.plugin import hookspecs
from augreg.plugin.registry import FIRST_PARTY, Plugin

_HOOK = re.compile(r"^def register_ops\b", re.MULTILINE)
_NEEDS = re.compile(rf"{FIRST_PARTY}(?![\w.-])", re.IGNORECASE)


def unregistered() -> list[Plugin]:
    """Distributions that need augreg and define `register_ops` without an entry point for it.

    Their files are read, not imported. The state is "unregistered", and the plugin has no name.
    """
    return [
        _without_entry_point(distribution, module)
        for distribution in metadata.distributions()
        if any(_NEEDS.match(needed) for needed in distribution.requires or ())
        and not distribution.entry_points.select(group=hookspecs.PROJECT)
        and (module := _module_with_hook(distribution))
    ]


def _without_entry_point(distribution: metadata.Distribution, module: str) -> Plugin:
    """What is said of a distribution without an entry point; `module`: the one that it needs."""
    example = f'acme = "{module or distribution.name.replace("-", "_")}"'
    defined = f'"{module}" defines register_ops, but ' if module else ""
    return Plugin(
        name="",
        distribution=distribution.name,
        version=distribution.version,
        state="unregistered",
        error=(
            f'{defined}the distribution has no entry point in the group "{hookspecs.PROJECT}"; add '
            f"[project.entry-points.{hookspecs.PROJECT}] with a line such as {example} to its "
            "pyproject.toml, and install it again"
        ),
    )


def of_distribution(name: str) -> Plugin:
    """What is said of an installed distribution that is no plugin."""
    distribution = metadata.distribution(name)
    return _without_entry_point(distribution, _module_with_hook(distribution))


def same_name(one: str, other: str) -> bool:
    """Whether two names of distributions are one to package indexes."""
    return _normalized(one) == _normalized(other)


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _module_with_hook(distribution: metadata.Distribution) -> str:
    """The import name of its first module that defines the hook; empty where none does."""
    for root, file in _sources(distribution):
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if _HOOK.search(text):
            parts = file.relative_to(root).with_suffix("").parts
            return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return ""


def _sources(distribution: metadata.Distribution) -> Iterator[tuple[Path, Path]]:
    """(folder on the path, file) of its Python files; those of its folder if it is editable."""
    for path in distribution.files or ():
        if path.suffix == ".py":
            file = Path(str(distribution.locate_file(path)))
            yield Path(str(distribution.locate_file(""))), file
    url = json.loads(distribution.read_text("direct_url.json") or "{}")
    if url.get("dir_info", {}).get("editable"):
        project = Path(unquote(urlparse(url["url"]).path))
        for root in (project / "src", project):
            for file in (*root.glob("*.py"), *root.glob("*/*.py")):
                yield root, file
