"""The policy as a form, made of its text; what it changes is a change of the text."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from augreg.errors import PolicyError
from augreg.plugin.registry import default_registry
from augreg.policy import rearrange
from augreg.policy.document import parse
from augreg.policy.rearrange import kind_of
from augreg.studio.editing import Editing
from augreg.studio.elements.controls import message
from augreg.studio.elements.pane import Pane
from augreg.studio.form.cards import Deck, StepList
from augreg.studio.form.fields import WordsField
from augreg.studio.form.outputs import OutputRows
from augreg.studio.form.palette import Palette
from augreg.studio.session import Session
from augreg.studio.text.marks import marks_of

_TITLES = {
    "/prepare": ("Prepare", "in training and in evaluation"),
    "/prepare/train": ("Prepare", "in training"),
    "/prepare/eval": ("Prepare", "in evaluation"),
    "/augment": ("Augment", "in training only"),
}


def form_panel(session: Session, pane: Pane) -> None:
    """A card for each step, and what else a policy says."""
    form = Form(session)

    async def make() -> None:
        form.show()

    pane.follow(make, session.edited)


class Form:
    """The controls of a policy. They are made anew only where the text has another structure."""

    def __init__(self, session: Session) -> None:
        self.session, self.editing = session, Editing(session)
        registry = default_registry()
        self.deck = Deck(self.editing, registry.steps, self._add, self.show)
        self.palette = Palette(registry)
        self.sections: dict[str, StepList] = {}
        self.message = message()
        self.message.set_visibility(False)
        with ui.element("div").classes("form") as self.place:
            self.name = self._words("Name", "/name")
            self.description = self._words("Description", "/description")
            self.steps = ui.element("div").classes("sections")
            self.output = OutputRows(self.editing)

    def show(self) -> None:
        """Shows the text as it is now; where it is no policy at all, the last one, as a picture."""
        try:
            value = parse(self.session.text)[1]
        except PolicyError:
            value = None
        usable = _is_usable(value)
        self.place.props["inert"] = not usable
        self.place.classes(**{"remove" if usable else "add": "stale"})
        self.message.set_visibility(not usable)
        if not usable:
            self.message.set_text("The text is no policy. The form comes back when it is.")
            return
        self.name.show(value.get("name", ""))
        self.description.show(value.get("description", ""))
        self._show_sections(value)
        self.output.show(value.get("output", {}))
        marks = marks_of(self.session.text, self.session.error)
        for section in self.sections.values():
            section.tell_faults(marks)

    def _show_sections(self, value: dict[str, Any]) -> None:
        prepare = value.get("prepare", [])
        split = isinstance(prepare, dict)
        parts = {f"/prepare/{key}": prepare[key] for key in prepare} if split else {}
        lists = {**(parts or {"/prepare": prepare}), "/augment": value.get("augment", [])}
        if list(lists) != list(self.sections):
            self.steps.clear()
            with self.steps:
                self.sections = {pointer: self._section(pointer) for pointer in lists}
        for pointer, nodes in lists.items():
            self.sections[pointer].show(pointer, nodes)

    def _section(self, pointer: str) -> StepList:
        title, when = _TITLES[pointer]
        with ui.element("div").classes("section-head"):
            ui.label(title).classes("section-title").props("role=heading aria-level=2")
            ui.label(when).classes("faint")
        return StepList(self.deck, f"{title} {when}")

    def _words(self, name: str, pointer: str) -> WordsField:
        def tell(_: str, value: Any) -> None:
            if value != (self.editing.at(pointer) or ""):
                self.editing.set(pointer, value)

        with ui.element("div").classes("words"):
            ui.label(name).classes("param-name")
            return WordsField(name, tell)

    def _add(self, pointer: str, position: int) -> None:
        """Asks for a step and adds it, with its card open."""

        def add(node: Any) -> None:
            self.deck.open(node)
            self.editing.apply(lambda text: rearrange.add(text, pointer, position, node))

        self.palette.ask(add)


def _is_usable(value: Any) -> bool:
    """Whether a form can show it, right or wrong."""
    if not isinstance(value, dict) or not isinstance(value.get("output", {}), dict):
        return False
    prepare = value.get("prepare", [])
    lists = [value.get("augment", [])]
    if isinstance(prepare, dict):
        lists += prepare.values()
        if not set(prepare) <= {"train", "eval"}:
            return False
    else:
        lists.append(prepare)
    words = (value.get(key, "") for key in ("name", "description"))
    return all(map(_are_nodes, lists)) and all(isinstance(word, str) for word in words)


def _are_nodes(nodes: Any) -> bool:
    if not isinstance(nodes, list) or not all(isinstance(node, dict) for node in nodes):
        return False
    inner = (node[kind] for node in nodes if (kind := kind_of(node)))
    return all(map(_are_nodes, inner))
