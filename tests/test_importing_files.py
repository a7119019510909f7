"""Importing files of each format, and the command `augreg import`."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import augreg
from augreg.cli import main

FLIP = {"__class_fullname__": "HorizontalFlip", "p": 0.5}
EMBOSS = {"__class_fullname__": "Emboss", "p": 0.5, "alpha": [0.2, 0.5], "strength": [0.2, 0.7]}
RESIZE = {"__class_fullname__": "Resize", "p": 1.0, "height": 32, "width": 48}
OURS = {"op": "flip", "axis": "horizontal", "p": 0.5}


def compose(*transforms: Any) -> dict[str, Any]:
    root = {"__class_fullname__": "Compose", "p": 1.0, "transforms": list(transforms)}
    return {"__version__": "2.0.8", "transform": root}


def test_keras_file_is_read_without_tensorflow(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        layer = {"class_name": "RandomFlip", "config": {"mode": "vertical"}}
        model = {"class_name": "Sequential", "config": {"layers": [layer]}}
        archive.writestr("config.json", json.dumps(model))
    script = (
        "import sys, augreg\n"
        f"imported = augreg.import_policy({str(path)!r})\n"
        "assert imported.policy['augment'] == [{'op': 'flip', 'axis': 'vertical', 'p': 0.5}]\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_yaml_is_read(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    path = tmp_path / "pipeline.yaml"
    path.write_text(yaml.safe_dump(compose(FLIP)))
    assert augreg.import_policy(path).policy["augment"] == [OURS]
    path.write_text("transform: [1, 2\nother: 3")
    with pytest.raises(augreg.PolicyError, match="neither JSON nor YAML") as raised:
        augreg.import_policy(path)
    assert raised.value.line == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89HDF\r\n\x1a\n", "HDF5 is not read"),
        (b'{"transform": }', "not valid JSON"),
        (b"{}", "neither a document of Albumentations"),
        (b"[1]", "neither a document of Albumentations"),
        (b'{"version": 1}', "neither a document of Albumentations"),
        (b"PK\x05\x06" + bytes(18), "no .keras file"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_other_files_are_refused_by_what_they_are(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(augreg.PolicyError, match=message):
        augreg.import_policy(path)


def test_dict_that_is_not_json_is_refused() -> None:
    with pytest.raises(augreg.PolicyError, match="the document is not JSON"):
        augreg.import_policy(compose({**FLIP, "p": object()}))


def test_deep_documents_are_refused() -> None:
    document: dict[str, Any] = FLIP
    for _ in range(70):
        document = compose(document)["transform"]
    with pytest.raises(augreg.PolicyError, match="nested too deeply"):
        augreg.import_policy(document)


# --- the command ----------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def test_command_writes_the_policy_and_says_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, policy = tmp_path / "pipeline.json", tmp_path / "policy.json"
    source.write_text(json.dumps(compose(RESIZE, FLIP)))
    code, out, err = run(capsys, "import", source, "--output", policy)
    assert (code, out) == (0, "")
    assert "exact /transform/transforms/1 HorizontalFlip -> flip\n" in err
    assert err.endswith("2 steps: 2 exact, 0 near, 0 left out\n")
    assert max(map(len, err.splitlines())) <= 80
    assert run(capsys, "validate", policy)[0] == 0

    code, out, _ = run(capsys, "import", source)
    assert code == 0
    assert json.loads(out) == json.loads(policy.read_text())


def test_report_on_the_page_is_what_the_command_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = {"shift_limit_x": [-0.1, 0.1], "shift_limit_y": [-0.1, 0.1]}
    limits |= {"scale_limit": [-0.1, 0.1], "rotate_limit": [-45, 45]}
    moved = {"__class_fullname__": "ShiftScaleRotate", "p": 0.5, **limits}
    source = tmp_path / "pipeline.json"
    source.write_text(json.dumps(compose(RESIZE, moved, EMBOSS)))
    _, _, err = run(capsys, "import", source, "--partial")
    page = Path(__file__).parents[1] / "docs" / "coming-from-albumentations.md"
    steps, _, rest = err.partition("note: ")
    summary = rest.splitlines()[-1]
    assert f"```text\n{steps}{summary}\n```" in page.read_text()


def test_exit_codes_of_what_cannot_be_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "pipeline.json"
    source.write_text(json.dumps(compose(EMBOSS, FLIP)))
    code, out, err = run(capsys, "import", source)
    assert (code, out) == (3, "")
    assert err.startswith(f"augreg: {source}:1:")
    code, out, err = run(capsys, "import", source, "--partial")
    assert code == 4
    assert json.loads(out)["augment"] == [OURS]
    assert "left out /transform/transforms/0 Emboss" in err
