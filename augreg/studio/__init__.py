"""A local web page in which a policy is written, seen and measured: `serve(StudioOptions(...))`.

Needs `augreg[studio]`, which is NiceGUI. Names load on first use.

The text of the policy is the truth. A form is made of it, and what a form changes is a change of
the text (`editing`). A tab has one `Session`, which holds the text, the last policy that works and
which samples are shown; it tells by events what changed. A panel is a function of the session that
builds elements and subscribes to these events; panels don't know one another. What takes time runs
in a thread, and only the latest request counts (`latest`). Pixels come from the `Renderer`
(`samples`); everything else that is shown comes from functions of `augreg.views`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from augreg.lazy import loader
from augreg.studio.options import StudioOptions

if TYPE_CHECKING:
    from augreg.studio.server import serve as serve

_HOME = {"serve": "server"}

__all__ = [*_HOME, "StudioOptions"]

__getattr__ = loader(__name__, _HOME)
