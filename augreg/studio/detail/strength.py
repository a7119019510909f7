"""Too strong: which step made the sample in detail so, and a narrower range, if one wants it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from nicegui import ui

from augreg.errors import AugregError, show
from augreg.policy import Policy, edits
from augreg.studio.elements.controls import action
from augreg.studio.elements.tables import cells, table_of
from augreg.studio.latest import Latest, in_thread
from augreg.studio.samples.batches import Key
from augreg.studio.samples.chosen import sample_of
from augreg.studio.session import Session
from augreg.views.captions import values_text
from augreg.views.proposal import Proposal
from augreg.views.strength import Share, TooStrong, too_strong

_HEADS = ("Step", "Op", "Drawn", "Part")
_MISTAKES = "The policy has errors; fix them first."
_CHANGED = "The policy was changed meanwhile: ask again."
_PARTS = "A step's part is by how much the sample comes back without it."


class Strength:
    """A button below the sample in detail, and what it finds. It changes nothing by itself."""

    def __init__(self, session: Session) -> None:
        self.session, self.latest = session, Latest()
        self.proposal: Proposal | None = None
        self.text = ""  # of the policy that was asked about
        with ui.element("div").classes("strength").props('role=group aria-label="Strength"'):
            self.button = action("Too strong", self.ask)
            with ui.element("div").classes("found") as self.place:
                self.said = ui.label().props("role=status")
                self.change = ui.label().classes("change")
                with ui.element("div").classes("answers") as self.answers:
                    action("Keep", self.keep)
                    action("Apply", self.apply)
                self.undo = action("Undo", session.undo)
                self.shares = ui.html(sanitize=False).classes("draws")
        for event in (session.opened, session.edited):
            event.subscribe(self.forget)
        self.forget()

    def ask(self) -> None:
        """Looks for the step, and shows what it finds."""
        session = self.session
        if session.error:
            self._show(_MISTAKES)
        elif session.policy is not None and session.detail is not None:
            self._show("Undoing each step in turn")
            self.latest.ask(partial(self._find, session.policy, session.detail, session.text))

    def apply(self) -> None:
        """Changes the policy as was proposed."""
        session, proposal = self.session, self.proposal
        if proposal is None or session.text != self.text:
            self._show(_CHANGED)
            return
        session.write(edits.set_value(session.text, proposal.pointer, proposal.new))
        self._show(f"{proposal.pointer} is now {show(proposal.new)}.")
        self.undo.set_visibility(True)

    def keep(self) -> None:
        """Leaves the policy as it is."""
        self.forget()
        self.button.client.run_javascript(f"getHtmlElement({self.button.id}).focus()")

    def forget(self) -> None:
        """Shows nothing."""
        self.proposal = None
        self.place.set_visibility(False)

    async def _find(self, policy: Policy, key: Key, text: str) -> None:
        try:
            found = await in_thread(strength_of, self.session, policy, key)
        except AugregError as error:
            found = TooStrong((), None, None, str(error))
        if (self.session.detail, self.session.text) != (key, text):
            return
        self.text, self.proposal = text, found.proposal
        self._show(found.says if found.proposal is None else sentence(found))
        if found.proposal is not None:
            self.change.set_text(change_text(found.proposal))
        self.answers.set_visibility(found.proposal is not None)
        self.shares.set_content(shares_table(found.shares))

    def _show(self, said: str) -> None:
        """Shows a sentence alone."""
        self.place.set_visibility(True)
        self.said.set_text(said)
        self.change.set_text("")
        self.shares.set_content("")
        for one in (self.answers, self.undo):
            one.set_visibility(False)


def strength_of(session: Session, policy: Policy, key: Key) -> TooStrong:
    """What made a sample strong; takes a while.

    Raises:
        AugregError: the image can't be read, or the policy can't work on it.
    """
    return too_strong(policy, sample_of(policy, session.pictures.photo(key[2]), key))


def sentence(found: TooStrong) -> str:
    """The step and the value that made the sample strong, and where in its range that is."""
    strongest, blame = found.shares[0], found.blame
    said = f"{strongest.op} at {strongest.pointer}"
    if blame is None:
        return f"{said} changes this sample the most, whatever it draws."
    high = blame.value > blame.weakest
    share, which = (blame.rank, "lower") if high else (1 - blame.rank, "higher")
    drew = values_text({blame.parameter: blame.value})
    return f"{said} drew {drew}: {100 * share:.0f} % of its draws are {which}."


def change_text(proposal: Proposal) -> str:
    """The range as it is, and as it is proposed."""
    return f"{proposal.pointer}: {show(proposal.old)} → {show(proposal.new)}"


def shares_table(shares: Sequence[Share]) -> str:
    """The part of each step, as HTML; empty for none."""
    if not shares:
        return ""
    rows = (
        cells(one.pointer, one.op, values_text(one.values), f"{100 * one.score:.0f} %")
        for one in shares
    )
    return f'{table_of(_HEADS, rows)}<div class="faint">{_PARTS}</div>'
