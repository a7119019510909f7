"""What one tab shows: the policy as written, the last one that works, and which samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nicegui import Event

from augreg.errors import AugregError, PolicyError
from augreg.policy import Policy
from augreg.policy.loader import load_text
from augreg.studio.history import History
from augreg.studio.latest import unexpected

if TYPE_CHECKING:
    from augreg.studio.images.pictures import Pictures
    from augreg.studio.samples.batches import Key
    from augreg.studio.samples.renderer import Renderer

EPOCHS, IMAGES = "epochs", "images"


@dataclass(frozen=True)
class View:
    """Which samples are shown.

    Attributes:
        seed, epoch, index: the key of the first.
        across: what the tiles differ in: "epochs" (of one image), or "images" (at one epoch).
        count: of tiles.
        annotations: whether boxes, masks and keypoints are drawn over the tiles.
    """

    seed: int = 0
    epoch: int = 0
    index: int = 0
    across: str = EPOCHS
    count: int = 9
    annotations: bool = True


class Session:
    """The state of one tab. Panels read it, call its methods, and subscribe to its events.

    Attributes:
        text: of the policy, as it stands in the editor.
        file: the policy's file, or the name of a ready policy.
        saved: the text of that file.
        elsewhere: whether that is another file than the one that the studio was started with.
        other: the text of a second policy, to compare with; empty for none.
        policy: the last one that could be loaded.
        error: what is wrong with the text; None where `policy` is what it says.
        view: which samples are shown.
        detail: the key of the sample that is shown in detail; None for none.
        tabs: the chosen tab of each group of tabs, where one was chosen.
        notice: what has to be said when the page opens.
        history: what the text was before.
        pictures, renderer: shared by all tabs.
        edited: emitted after the text changed, whoever changed it.
        loaded: emitted after `policy` changed.
        looked: emitted after `view` changed.
        turned: emitted after another tab was chosen.
        paired: emitted after `other` changed.
        opened: emitted after `detail` changed.
        sought: emitted with the offset of a place to show in the text.
        filed: emitted after `file` or `saved` changed.
    """

    def __init__(
        self, text: str, view: View, pictures: Pictures, renderer: Renderer, file: str = ""
    ) -> None:
        self.text, self.view, self.pictures, self.renderer = text, view, pictures, renderer
        self.file, self.saved, self.other, self.notice = file, text, "", ""
        self.elsewhere = False
        self.history = History()
        self.policy: Policy | None = None
        self.error: PolicyError | None = None
        self.edited: Event[[]] = Event()
        self.loaded: Event[[]] = Event()
        self.looked: Event[[]] = Event()
        self.turned: Event[[]] = Event()
        self.paired: Event[[]] = Event()
        self.opened: Event[[]] = Event()
        self.detail: Key | None = None
        self.sought: Event[[int]] = Event()
        self.filed: Event[[]] = Event()
        self.tabs: dict[str, str] = {}
        self._load()

    def write(self, text: str) -> None:
        """Takes a new text, and the policy that it is, if it is one."""
        if text != self.text:
            self.history.add(self.text)
            self._take(text)

    def undo(self) -> None:
        """Takes the last change of the text back."""
        self._take(self.history.undo(self.text))

    def redo(self) -> None:
        """Makes the change again that was taken back last."""
        self._take(self.history.redo(self.text))

    def load(self, file: str, text: str) -> None:
        """Takes another file; what was done to the one before can't be undone any more."""
        self.history.clear()
        self.keep(file, text)
        self._take(text)

    def keep(self, file: str, text: str) -> None:
        """Takes another file with its text, or the same one with another text."""
        self.elsewhere = self.elsewhere or file != self.file
        self.file, self.saved = file, text
        self.filed.emit()

    def seek(self, offset: int) -> None:
        """Shows a place of the text."""
        self.turn("edit", "Text")
        self.sought.emit(offset)

    def look(self, **changes: Any) -> None:
        """Shows other samples: `look(epoch=3)`."""
        view = replace(self.view, **changes)
        if view != self.view:
            self.view = view
            self.looked.emit()

    def turn(self, group: str, tab: str) -> None:
        """Chooses a tab of a group."""
        if self.tabs.get(group) != tab:
            self.tabs[group] = tab
            self.turned.emit()

    def pair(self, text: str) -> None:
        """Compares with another policy; with none where the text is empty."""
        if text != self.other:
            self.other = text
            self.paired.emit()

    def open(self, key: Key | None) -> None:
        """Shows a sample in detail; None for none."""
        if key != self.detail:
            self.detail = key
            self.opened.emit()

    def _take(self, text: str) -> None:
        if text == self.text:
            return
        self.text = text
        worked = self._load()
        self.edited.emit()
        if worked:
            self.loaded.emit()

    def _load(self) -> bool:
        try:
            self.policy, self.error = load_text(self.text), None
        except PolicyError as error:
            self.error = error
        except Exception as error:  # of a plugin
            said = error if isinstance(error, AugregError) else unexpected(error)
            self.error = PolicyError(str(said))
        return self.error is None
