"""What a model gets, in the form: the dtype, and how values leave."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from augreg.policy import edits
from augreg.policy.schema import DTYPES
from augreg.studio.editing import Editing

_IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
_WAYS: dict[str, dict[str, Any]] = {
    "0 to 1": {"range": [0, 1]},
    "-1 to 1": {"range": [-1, 1]},
    "0 to 255": {"range": [0, 255]},
    "normalized, as for ImageNet": {"normalize": _IMAGENET},
}
_OTHER = "as the text says"


class OutputRows:
    """Two choices."""

    def __init__(self, editing: Editing) -> None:
        self.editing = editing
        with ui.element("div").classes("section-head"):
            ui.label("Output").classes("section-title").props("role=heading aria-level=2")
            ui.label("what the model gets").classes("faint")
        with ui.element("div").classes("output"):
            self.dtype = self._select("Output dtype", list(DTYPES), self._set_dtype)
            self.way = self._select("Output values", [*_WAYS, _OTHER], self._set_way)

    def show(self, output: dict[str, Any]) -> None:
        """Shows the output of a policy."""
        dtype = output.get("dtype", DTYPES[0])
        self.dtype.set_value(dtype if dtype in DTYPES else None)
        self.way.set_value(_way(output))

    def _select(self, name: str, options: list[str], act: Any) -> ui.select:
        select = ui.select(options, on_change=lambda event: act(event.value))
        select.props("dense outlined options-dense").props["aria-label"] = name
        return select.classes("choice")

    def _output(self) -> dict[str, Any]:
        return dict(self.editing.at("/output") or {})

    def _set_dtype(self, dtype: str | None) -> None:
        """Sets the dtype, and the only values that uint8 has."""
        output = self._output()
        if dtype is None or dtype == output.get("dtype", DTYPES[0]):
            return
        if dtype == "uint8":
            self.editing.set("/output", {"dtype": dtype, "range": [0, 255]})
        else:
            self._write({**output, "dtype": dtype})

    def _set_way(self, way: str | None) -> None:
        output = self._output()
        if way not in _WAYS or way == _way(output):
            return
        kept = {key: value for key, value in output.items() if key not in ("range", "normalize")}
        self._write({**kept, **_WAYS[way]})

    def _write(self, output: dict[str, Any]) -> None:
        self.editing.apply(lambda text: edits.set_value(text, "/output", output))


def _way(output: dict[str, Any]) -> str:
    given = {key: output[key] for key in ("range", "normalize") if key in output}
    return next(
        (name for name, way in _WAYS.items() if way == (given or {"range": [0, 1]})), _OTHER
    )
