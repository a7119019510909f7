"""The whole contract between augreg and a plugin.

A distribution names a module under the entry-point group "augreg"; the module implements these
hooks with `augreg.hookimpl`. It may set `AUGREG_API = 1` to say which contract it was written for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from augreg.plugin.macro import Macro
    from augreg.plugin.op import Op

PROJECT = "augreg"
API_VERSION = 1

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_ops() -> list[Op | Macro]:  # type: ignore[empty-body]  # a plugin has it
    """Returns the ops and macros that this plugin ships, made with `augreg.op` and `augreg.macro`.

    First-party ops have plain names; a plugin's are "package/op". Called once, when the registry
    is first needed. An exception here disables this plugin only.
    """
