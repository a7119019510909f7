"""What a new plugin begins as: a distribution with two ops, tests, a README and a CI file."""

from __future__ import annotations

import datetime
import json
import keyword
import re
import sys
from pathlib import Path
from string import Template

from augreg import __version__
from augreg.errors import PluginError, RunError, printable
from augreg.files import replacing
from augreg.paths import check_here

_HERE = Path(__file__).parent
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TAKEN = {"augreg", "augreg_ops", "tests", *sys.stdlib_module_names, *keyword.kwlist}
NONE = "none"
SPDX = {"apache-2.0": "Apache-2.0", "bsd-3-clause": "BSD-3-Clause", "mit": "MIT"}
LICENSES = (*SPDX, NONE)


def write_plugin(
    name: str, folder: Path, license_name: str = "apache-2.0", author: str | None = None
) -> None:
    """Writes a distribution that builds, installs and passes its tests as it stands.

    Args:
        name: of the distribution, such as "augreg-acme". The module is called `augreg_acme`, and
            the ops begin with "acme/".
        folder: where it is written, whole or not at all; it may exist if it is empty.
        license_name: one of `LICENSES`; "none" writes no licence.
        author: who is named as the author and as the holder of the copyright.

    Raises:
        PluginError: the name, the licence or the author can't be used.
        RunError: the folder is not empty, or can't be written.
    """
    values = _values(name, license_name, author)
    check_here(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"{folder}: it exists and is not empty; name another one with --directory")
    with replacing(folder) as part:
        template = _HERE / "template"
        for source in template.rglob("*.tmpl"):
            inside = source.relative_to(template).with_suffix("")
            path = part / str(inside).replace("MODULE", values["module"])
            _write(source, path, values)
        if license_name != NONE:
            _write(_HERE / "licenses" / f"{license_name}.txt", part / "LICENSE", values)


def module_of(name: str) -> str:
    """The import name of a distribution; raises `PluginError` where it can't be one."""
    module = name.replace("-", "_")
    if not _NAME.fullmatch(name) or len(name) > 60:
        raise PluginError(
            f'"{printable(name)}" is no name for a plugin; write small letters, digits and single '
            'hyphens, with a letter first, such as "augreg-acme"'
        )
    if module in _TAKEN:
        raise PluginError(
            f'"{name}" can\'t be the name of a plugin: its module would be "{module}", which is '
            f'taken; write "augreg-{name}", for example'
        )
    return module


def _values(name: str, license_name: str, author: str | None) -> dict[str, str]:
    module = module_of(name)
    if license_name not in LICENSES:
        allowed = ", ".join(LICENSES)
        raise PluginError(f'"{printable(license_name)}" is no licence here; allowed are {allowed}')
    if author is not None and not (author.strip() and author.isprintable()):
        raise PluginError(f'"{printable(author)}" is no name of an author; write one on one line')
    lines = []
    if license_name != NONE:
        lines += [f'license = "{SPDX[license_name]}"', 'license-files = ["LICENSE"]']
    if author is not None:  # JSON's strings are TOML's
        lines.append(f"authors = [{{name = {json.dumps(author, ensure_ascii=False)}}}]")
    return {
        "name": name,
        "module": module,
        "prefix": re.sub("^augreg-(?=[a-z])", "", name),
        "metadata": "".join(f"{line}\n" for line in lines),
        "augreg_version": __version__,
        "year": str(datetime.date.today().year),
        "holder": author or f"the {name} authors",
    }


def _write(source: Path, path: Path, values: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = Template(source.read_text(encoding="utf-8")).substitute(values)
    path.write_text(text, encoding="utf-8")
