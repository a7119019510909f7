"""The session that a tab begins with: its address, and the policy's file as it is now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from augreg.errors import PolicyError
from augreg.studio.link import session_of
from augreg.studio.session import Session

if TYPE_CHECKING:
    from augreg.studio.documents import Documents
    from augreg.studio.images.pictures import Pictures
    from augreg.studio.samples.renderer import Renderer


def open_session(
    query: Mapping[str, str], documents: Documents, pictures: Pictures, renderer: Renderer
) -> Session:
    """The session of an address's query; what can't be read is said in its `notice`."""
    file, fault = query.get("file", documents.given), ""
    try:
        text = documents.read(file)
    except PolicyError as error:
        file, text, fault = documents.given, documents.first, str(error)
    session = session_of(query, file, text, pictures, renderer)
    session.elsewhere = file != documents.given
    session.notice = "; ".join(filter(None, [session.notice, fault]))
    return session
