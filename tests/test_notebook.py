"""The notebook of the tutorial runs from top to bottom, and holds no outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "tutorial.ipynb"


@pytest.fixture
def cells() -> list[dict[str, Any]]:
    notebook = json.loads(NOTEBOOK.read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    return notebook["cells"]


def test_notebook_is_without_outputs(cells: list[dict[str, Any]]) -> None:
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) > 5
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert len({cell["id"] for cell in cells}) == len(cells)


def test_links_of_the_notebook_lead_to_pages(cells: list[dict[str, Any]]) -> None:
    text = "".join(line for cell in cells for line in cell["source"])
    pages = [target for target in text.split("](")[1:] if not target.startswith("http")]
    names = {target.partition(")")[0] for target in pages if ".md)" in target}
    assert {"write-an-op.md", "ops.md"} <= names
    assert all((NOTEBOOK.parent / name).is_file() for name in names)


@pytest.mark.slow
def test_notebook_runs_from_top_to_bottom(
    cells: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "notebook"}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{NOTEBOOK}, {cell['id']}", "exec"), namespace)
    plt.close("all")
    assert namespace["accuracy"] > 0.5
    assert len(namespace["nine"]) == 9
