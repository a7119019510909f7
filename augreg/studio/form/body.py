"""What a card shows when it is open: the parameters of a step, or how a group is done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nicegui import ui

from augreg.plugin.declaration import Declaration
from augreg.plugin.op import Op
from augreg.plugin.params import REQUIRED
from augreg.policy.chance import schemas
from augreg.policy.rearrange import kind_of
from augreg.policy.schema import GROUPS
from augreg.studio.editing import Editing
from augreg.studio.form.fields import Field
from augreg.studio.form.parameters import (
    GUARDS,
    Row,
    first_value,
    key_field,
    parameter_field,
    shape_of,
)
from augreg.studio.text.marks import Mark

_ABOUT = {
    **{name: schema["description"] for name, schema in schemas().items()},
    "id": "A name for the draws, which are kept when the step moves.",
    "weights": "How likely each branch is, in any unit, one number for each.",
    "n": "How many branches are done: a number, or the least and the most.",
    "replace": "A branch may be picked more than once.",
}


class Body:
    """The rows of a step or group: one for each key that it has, and a list of those it hasn't."""

    def __init__(self, editing: Editing, op: Declaration | None, pointer: str, node: Any) -> None:
        self.editing, self.op, self.pointer = editing, op, pointer
        self.rows: dict[str, tuple[Row, Field]] = {}
        self.shape: Any = None
        self.place = ui.element("div").classes("params")
        self.show(pointer, node)

    def show(self, pointer: str, node: Any) -> None:
        """Shows the node; rows are made anew only where one needs another control."""
        self.pointer = pointer
        shape = {key: shape_of(value, key) for key, value in self._own(node)}
        if shape != self.shape:
            self.shape = shape
            self._build(node)
        for name, value in self._own(node):
            if name in self.rows:
                self.rows[name][1].show(value)

    def tell_faults(self, marks: list[Mark]) -> None:
        """Says at each row what is wrong with it."""
        for name, (row, _) in self.rows.items():
            at = f"{self.pointer}/{name}"
            wrong = [one.message for one in marks if f"{one.pointer}/".startswith(f"{at}/")]
            row.fault.set_text(" ".join(wrong))

    def _own(self, node: Any) -> Iterator[tuple[str, Any]]:
        """The keys that have a row."""
        kind = kind_of(node)
        for key, value in node.items():
            if key not in ("op", kind):
                yield key, value

    def _build(self, node: Any) -> None:
        self.place.clear()
        self.rows.clear()
        with self.place:
            if kind := kind_of(node):
                self._kind(kind)
            for name, value in self._own(node):
                self._row(name, value)
            self._others(node)

    def _row(self, name: str, value: Any) -> None:
        op = self.op
        spec = None if op is None else op.settable.get(name)
        about = _ABOUT.get(name, "")
        if op is not None and spec is not None:
            about = ". ".join(filter(None, [op.about(name), spec.takes]))
        needed = name == "n" or (spec is not None and spec.default is REQUIRED)

        def read() -> Any:
            return self.editing.at(f"{self.pointer}/{name}")

        def change(path: str, new: Any) -> None:
            self.editing.set_in(self.pointer, path, new)

        def remove() -> None:
            self.editing.remove(f"{self.pointer}/{name}")

        def go() -> None:
            self.editing.show(f"{self.pointer}/{name}")

        row = Row(name, about, read, change, None if needed else remove, go)
        with row.body:
            if op is not None and spec is not None:
                field = parameter_field(row, op, value)
            else:
                field = key_field(row, value)
        self.rows[name] = (row, field)

    def _others(self, node: Any) -> None:
        """A list of what can be set as well."""
        firsts = self._firsts(node)
        missing = [name for name in firsts if name not in node]

        def add(event: Any) -> None:
            self.editing.set_in(self.pointer, event.value, firsts[event.value])

        if missing:
            select = ui.select(missing, on_change=add).classes("others")
            select.props('dense borderless options-dense display-value="Set another"')
            select.props["aria-label"] = "Set another"

    def _firsts(self, node: Any) -> dict[str, Any]:
        """What every key that a node may have gets at first."""
        kind = kind_of(node)
        if kind == "one_of":
            return {"weights": [1] * len(node[kind]), **GUARDS}
        if kind == "some_of":
            return {"replace": True, **GUARDS}
        if self.op is None:
            return GUARDS
        own = {name: first_value(self.op, name) for name in self.op.settable}
        return {**own, **GUARDS, **({"id": "name"} if isinstance(self.op, Op) else {})}

    def _kind(self, kind: str) -> None:
        """A choice of how a group is done."""

        def changed(event: Any) -> None:
            if event.value != kind:
                self.editing.regroup(self.pointer, event.value)

        with ui.element("div").classes("param"):
            ui.label("kind").classes("param-name").props["title"] = GROUPS[kind]
            select = ui.select(list(GROUPS), value=kind, on_change=changed)
            select.props("dense borderless options-dense").classes("kind")
            select.props["aria-label"] = "Kind of the group"
