"""What a tab shows, as an address: it survives a reload and a restart, and can be sent.

The text of a policy is compressed into the address where it isn't that of the file. An address is
not trusted: what it can't say is left as it is without one, and it only counts among the images
that the studio was given.
"""

from __future__ import annotations

import asyncio
import base64
import json
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from nicegui import ui

from augreg.policy.document import MAX_BYTES
from augreg.studio.elements.controls import LARGEST
from augreg.studio.latest import Latest
from augreg.studio.samples.shown import keys_of
from augreg.studio.session import EPOCHS, IMAGES, Session, View

if TYPE_CHECKING:
    from augreg.studio.images.pictures import Pictures
    from augreg.studio.samples.renderer import Renderer

_PAUSE = 0.3  # seconds: browsers take some hundred addresses in half a minute
_LONGEST = 32_000  # characters of a text in an address; the server takes twice as many


class LinkError(ValueError):
    """A part of an address that says nothing."""


def session_of(
    query: Mapping[str, str], file: str, text: str, pictures: Pictures, renderer: Renderer
) -> Session:
    """The session of an address's query, of a policy's file and its text.

    What can't be read is left out and said in `notice`.
    """
    notices: list[str] = []
    read: dict[str, str] = {}
    for name in ("policy", "b"):
        try:
            read[name] = unpack(query.get(name, pack("")))
        except LinkError as error:
            notices.append(f'"{name}" of the address {error}')
    view = _view(query, len(pictures), notices)
    session = Session(text, view, pictures, renderer, file)
    session.write(read.get("policy") or text)
    session.other = read.get("b", "")
    session.tabs.update({name: query[name] for name in ("edit", "show") if name in query})
    if query.get("detail") == "1":
        session.detail = keys_of(view, len(pictures))[0]
    session.notice = "; ".join(notices)
    return session


def _view(query: Mapping[str, str], images: int, notices: list[str]) -> View:
    """The view of a query; what it can't say becomes a notice."""
    numbers = {}
    for name, most in (("seed", LARGEST), ("epoch", LARGEST), ("index", images - 1)):
        try:
            numbers[name] = _number(query.get(name, "0"), most)
        except LinkError as error:
            numbers[name] = 0
            notices.append(f'"{name}" of the address {error}')
    across = IMAGES if query.get("across") == IMAGES else EPOCHS
    drawn = query.get("annotations") != "0"
    return View(numbers["seed"], numbers["epoch"], numbers["index"], across, annotations=drawn)


def query_of(session: Session, whole: bool = False) -> str:
    """The query of an address that shows what the session shows; `whole`: without the file, too."""
    view = session.view
    seed, epoch, index = session.detail or (view.seed, view.epoch, view.index)
    query = {"seed": str(seed), "epoch": str(epoch), "index": str(index)}
    if view.across != EPOCHS:
        query["across"] = view.across
    if not view.annotations:
        query["annotations"] = "0"
    if session.detail:
        query["detail"] = "1"
    if session.elsewhere:
        query["file"] = session.file
    query |= session.tabs
    texts = {"policy": session.text if whole or session.text != session.saved else ""}
    texts["b"] = session.other
    query |= {name: pack(text) for name, text in texts.items() if text and fits(text)}
    return urlencode(query)


def fits(text: str) -> bool:
    """Whether a text is short enough for an address."""
    return len(pack(text)) <= _LONGEST


def follow(session: Session) -> None:
    """Lets the browser's address follow the session."""
    client, latest = ui.context.client, Latest()

    async def write() -> None:
        await asyncio.sleep(_PAUSE)
        address = json.dumps(f"?{query_of(session)}")
        client.run_javascript(f"history.replaceState(history.state, '', {address})")

    moved = (session.looked, session.turned, session.opened)
    for event in (session.edited, session.filed, session.paired, *moved):
        event.subscribe(lambda: latest.ask(write))


def pack(text: str) -> str:
    """A text as letters of an address."""
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode("ascii").rstrip("=")


def unpack(packed: str) -> str:
    """The text of `pack`.

    Raises:
        LinkError: it is none, or longer than a policy may be.
    """
    try:
        raw = base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True)
        opened = zlib.decompressobj()
        text = opened.decompress(raw, MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise LinkError(f"is longer than the {MAX_BYTES:,} bytes of a policy; it is left out")
        if not opened.eof:
            raise LinkError("is cut off; it is left out")
        return text.decode("utf-8")
    except (ValueError, zlib.error) as error:
        if isinstance(error, LinkError):
            raise
        raise LinkError("can't be read; it is left out") from error


def _number(text: str, most: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > len(str(LARGEST)):
        raise LinkError(f"has to be a whole number from 0 to {most}; it is taken as 0")
    number = int(text)
    if number > most:
        raise LinkError(f"is {number}, and at most {most} here; it is taken as 0")
    return number
