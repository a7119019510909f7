"""Reading what is imported: JSON, YAML, or the configuration inside of a .keras file."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from augreg.errors import PolicyError
from augreg.policy.document import decode

MAX_BYTES = 20_000_000  # a model of a thousand layers has 2 MB
_CONFIG = "config.json"


def read(path: Path) -> tuple[Any, str | None]:
    """The document in a file, and its text where positions in it can be told.

    Raises:
        PolicyError: it can't be read, or is of another format.
    """
    name = str(path)
    if path.is_dir():
        raise PolicyError("this is a folder; save the model as a .keras file", path=name)
    try:
        if zipfile.is_zipfile(path):
            return _json(_config(path), name)[0], None
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PolicyError(f"can't be read: {error.strerror or error}", path=name) from error
    if len(raw) > MAX_BYTES:
        raise PolicyError(f"it is larger than {MAX_BYTES:,} bytes", path=name)
    if raw.startswith(b"\x89HDF"):
        raise PolicyError(
            "HDF5 is not read; save the model as a .keras file, or write model.to_json()", path=name
        )
    text = decode(raw, name)
    return _json(text, name) if text.lstrip()[:1] in ("{", "[", '"') else (_yaml(text, name), None)


def _config(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        if _CONFIG not in archive.namelist():
            raise PolicyError(f"a zip file without {_CONFIG} is no .keras file", path=str(path))
        if archive.getinfo(_CONFIG).file_size > MAX_BYTES:
            raise PolicyError(f"its {_CONFIG} is larger than {MAX_BYTES:,} bytes", path=str(path))
        return decode(archive.read(_CONFIG), str(path))


def _json(text: str, path: str) -> tuple[Any, str]:
    try:
        value = json.loads(text)
        # model.to_json() written by json.dump is JSON within JSON
        return (json.loads(value), value) if isinstance(value, str) else (value, text)
    except json.JSONDecodeError as error:
        raise PolicyError(
            f"not valid JSON: {error.msg}", path=path, line=error.lineno, column=error.colno
        ) from error
    except RecursionError as error:
        raise PolicyError("nested too deeply", path=path) from error


def _yaml(text: str, path: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise PolicyError(
            "reading YAML needs PyYAML: pip install pyyaml, or save with data_format='json'",
            path=path,
        ) from error
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise PolicyError(
            f"neither JSON nor YAML: {error.problem}", path=path, line=line, column=column
        ) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise PolicyError(f"neither JSON nor YAML: {error}", path=path) from error
