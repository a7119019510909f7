"""The steps of a form: cards in lists, which can be dragged and lie in groups."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from nicegui import ui

from augreg.plugin.declaration import Declaration
from augreg.policy import rearrange
from augreg.policy.rearrange import kind_of
from augreg.policy.schema import GROUPS
from augreg.studio.editing import Editing, is_on, neighbour
from augreg.studio.elements.controls import action, icon
from augreg.studio.form.body import Body
from augreg.studio.text.marks import Mark


class Deck:
    """What the cards of a form share.

    Attributes:
        editing: how they change the text.
        ops: of the registry, by name.
        add: asks for a step, and adds it at a position of the list at a pointer.
        refresh: shows the text as it is.
        opened: the nodes whose cards are open, as text: a card that moves stays open.
        focused: the pointer of the card that gets the keyboard, once it is shown.
        lists, cards: by the number of their element.
    """

    def __init__(
        self,
        editing: Editing,
        ops: Mapping[str, Declaration],
        add: Callable[[str, int], None],
        refresh: Callable[[], None],
    ) -> None:
        self.editing, self.ops, self.add, self.refresh = editing, ops, add, refresh
        self.opened: set[str] = set()
        self.lists: dict[int, StepList] = {}
        self.cards: dict[int, Card] = {}
        self.focused = ""

    def open(self, node: Any) -> None:
        """Lets the card of a node be open, once there is one."""
        self.opened.add(_key(node))

    def dropped(self, event: Any) -> None:
        """Moves a step in the text, after its card was dragged."""
        card, target = self.cards[event.item.id], self.lists[event.target.id]
        for one in (self.lists[event.source.id], target):
            one.forget()  # the browser has moved the card, not we
        self.editing.move(card.pointer, target.pointer, event.new_index)
        self.refresh()  # also where the text is the same: of equal steps, or of a refused move

    def move(self, card: Card, by: int) -> None:
        """Moves a step up or down in its list; the keyboard stays with it."""
        where, position = rearrange.split(card.pointer)
        if 0 <= position + by < len(self.editing.at(where)):
            self.focused = neighbour(card.pointer, by)
            self.editing.move(card.pointer, where, position + by)


class StepList:
    """The steps of a section or group."""

    def __init__(self, deck: Deck, name: str) -> None:
        self.deck, self.pointer = deck, ""
        self.cards: list[Card] = []
        self._names: list[str] | None = None
        self.place = ui.column().classes("steps")
        self.place.props["role"], self.place.props["aria-label"] = "list", name
        self.place.make_sortable(
            {
                "forceFallback": True,
                "fallbackOnBody": True,
                "invertSwap": True,  # else a group gives way before one is in it
                "invertedSwapThreshold": 0.8,
            },
            handle=".handle",
            group="steps",
            on_end=deck.dropped,
        )
        deck.lists[self.place.id] = self
        add = action("Add step", lambda: deck.add(self.pointer, len(self.cards))).classes("add")
        add.props["aria-label"] = f"Add step to {name}"

    def forget(self) -> None:
        """Makes the cards anew when they are shown next."""
        self._names = None

    def show(self, pointer: str, nodes: list[Any]) -> None:
        """Shows these steps; cards are made anew where others are."""
        self.pointer = pointer
        names = [name_of(node) for node in nodes]
        if names != self._names:
            self._names = names
            self._clear()
            with self.place:
                self.cards = [
                    Card(self.deck, f"{pointer}/{i}", node) for i, node in enumerate(nodes)
                ]
        for i, (card, node) in enumerate(zip(self.cards, nodes, strict=True)):
            card.show(f"{pointer}/{i}", node)

    def tell_faults(self, marks: list[Mark]) -> None:
        """Says at each card what is wrong with it."""
        for card in self.cards:
            card.tell_faults(marks)

    def _clear(self) -> None:
        for card in self.cards:
            card.forget()
        self.place.clear()


class Card:
    """A step or group: a line, and below it, where it is open, all that can be set."""

    def __init__(self, deck: Deck, pointer: str, node: Any) -> None:
        self.deck, self.pointer, self.node = deck, pointer, node
        self.name, self.kind = name_of(node), kind_of(node)
        self.op = None if self.kind else deck.ops.get(self.name)
        self.body: Body | None = None
        self.inner: StepList | None = None
        with ui.element("div").classes("card").props("role=listitem") as self.place:
            self._head()
            self.fault = ui.label().classes("fault-text")
            self.below = ui.element("div").classes("below")
        deck.cards[self.place.id] = self
        if self.kind:
            with self.place:
                self.inner = StepList(deck, self.name)
        self._open(_key(node) in deck.opened)

    def show(self, pointer: str, node: Any) -> None:
        """Shows the node, which has the same name."""
        if self.opened:
            self.deck.opened.discard(_key(self.node))
            self.deck.opened.add(_key(node))
        self.pointer, self.node = pointer, node
        self.switch.set_value(is_on(node))
        self.summary.set_text(summary_of(node))
        self.place.classes(**{"remove" if is_on(node) else "add": "off"})
        if self.body is not None:
            self.body.show(pointer, node)
        if self.inner is not None and self.kind is not None:
            self.inner.show(f"{pointer}/{self.kind}", node[self.kind])
        if self.deck.focused == pointer:
            self.deck.focused = ""
            focus = f"getHtmlElement({self.handle.id}).focus()"
            self.handle.client.run_javascript(focus)

    def tell_faults(self, marks: list[Mark]) -> None:
        """Says what is wrong with it; with a parameter, at its row."""
        inside = [one for one in marks if f"{one.pointer}/".startswith(f"{self.pointer}/")]
        own = [one.message for one in inside if one.pointer == self.pointer]
        self.fault.set_text(" ".join(own))
        self.place.classes(**{"add" if inside else "remove": "wrong"})
        if self.body is not None:
            self.body.tell_faults(inside)
        if self.inner is not None:
            self.inner.tell_faults(inside)

    def forget(self) -> None:
        """Takes leave of the deck."""
        self.deck.cards.pop(self.place.id, None)
        if self.inner is not None:
            self.deck.lists.pop(self.inner.place.id, None)
            for card in self.inner.cards:
                card.forget()

    def _head(self) -> None:
        name, deck = self.name, self.deck
        with ui.element("div").classes("card-head"):
            self.handle = ui.button(icon="drag_indicator", color=None).classes("icon handle")
            self.handle.props("flat dense").props["aria-label"] = f"Move {name}"
            self.handle.props["title"] = "Drag it, or press the arrow keys up and down"
            self.handle.on("keydown.up.prevent", lambda: deck.move(self, -1), [])
            self.handle.on("keydown.down.prevent", lambda: deck.move(self, 1), [])
            self.switch = ui.switch(value=is_on(self.node), on_change=self._switched)
            self.switch.props("dense size=xs").props["aria-label"] = f"{name} is on"
            self.title = ui.element("button").classes("card-title").on("click", self._toggle, [])
            with self.title:
                ui.label(name).classes("card-name")
                self.summary = ui.label().classes("card-summary")
            if self.op is not None:
                self.title.props["title"] = self.op.summary
            self.menu_button = icon(f"More for {name}", "more_vert", self._menu)

    def _switched(self, event: Any) -> None:
        if event.value != is_on(self.node) and not self.deck.editing.switch(
            self.pointer, event.value
        ):
            self.switch.set_value(not event.value)

    def _toggle(self) -> None:
        self._open(not self.opened)

    def _open(self, opened: bool) -> None:
        self.opened = opened
        opened_nodes = self.deck.opened
        opened_nodes.add(_key(self.node)) if opened else opened_nodes.discard(_key(self.node))
        self.title.props["aria-expanded"] = "true" if opened else "false"
        self.below.set_visibility(opened)
        if opened and self.body is None:
            with self.below:
                self.body = Body(self.deck.editing, self.op, self.pointer, self.node)

    def _menu(self) -> None:
        """What else can be done, listed once it is asked for."""
        deck, editing = self.deck, self.deck.editing
        with self.menu_button, ui.menu() as menu:
            self._item("Duplicate", rearrange.duplicate)
            if self.kind:
                self._item("Ungroup", rearrange.ungroup)
            self._item("Remove", rearrange.delete)
            ui.separator()
            ui.menu_item("Move up", lambda: deck.move(self, -1)).props("dense")
            ui.menu_item("Move down", lambda: deck.move(self, 1)).props("dense")
            ui.separator()
            for kind in GROUPS:
                self._item(f"Put into {kind}", partial(_put_into, kind))
            ui.separator()
            ui.menu_item("Show in text", lambda: editing.show(self.pointer)).props("dense")
        menu.on("hide", menu.delete)
        menu.open()

    def _item(self, text: str, edit: Callable[[str, str], str]) -> None:
        """A line of the menu that changes the text at the card's pointer."""
        apply = self.deck.editing.apply
        ui.menu_item(text, lambda: apply(lambda text: edit(text, self.pointer))).props("dense")


def _put_into(kind: str, text: str, pointer: str) -> str:
    return rearrange.group(text, pointer, kind)


def name_of(node: Any) -> str:
    """The op of a step, the kind of a group; "?" of what is neither."""
    return kind_of(node) or str(node.get("op", "?") if isinstance(node, dict) else "?")


def summary_of(node: Any) -> str:
    """A line about what is set."""
    hidden = ("op", kind_of(node))
    said = [f"{key} {_short(value)}" for key, value in node.items() if key not in hidden]
    return ", ".join(said)


def _short(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and len(value) == 2:
        return " to ".join(map(_short, value))
    return json.dumps(value).replace('"', "")


def _key(node: Any) -> str:
    return json.dumps(node)
