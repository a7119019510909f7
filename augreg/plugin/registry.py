"""Finds plugins through entry points and collects their ops. One broken plugin breaks itself only.

pluggy's own `load_setuptools_entrypoints` does not guard the import, so entry points are loaded
here, each step on its own, and what went wrong is recorded for `augreg plugins`.
"""

from __future__ import annotations

import copyreg
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from typing import Any

import pluggy

from augreg.errors import PluginError, printable, suggest
from augreg.plugin import hookspecs, synonyms
from augreg.plugin.macro import Macro
from augreg.plugin.op import Op

FIRST_PARTY = "augreg"
DISABLE = "AUGREG_DISABLE_PLUGINS"


@dataclass(frozen=True)
class Plugin:
    """One entry point and what became of it.

    state: ready, disabled (by name), skipped (another API version), failed, empty (it registers no
    op), or unregistered (there is no entry point; see `unregistered`).
    """

    name: str
    distribution: str
    version: str
    state: str
    ops: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, eq=False)  # by identity: it is a cache's key
class Registry:
    """The ops and macros that policies can use. `owner` maps their names to their plugins."""

    ops: Mapping[str, Op]
    plugins: tuple[Plugin, ...]
    owner: Mapping[str, Plugin] = field(default_factory=dict)
    conflicts: Mapping[str, str] = field(default_factory=dict)
    macros: Mapping[str, Macro] = field(default_factory=dict)

    @property
    def steps(self) -> Mapping[str, Op | Macro]:
        """All that a step's "op" can name."""
        return dict(sorted([*self.ops.items(), *self.macros.items()]))

    def get(self, name: str) -> Op:
        """The op called `name`; raises `PluginError` with the nearest name or the plugin to get."""
        if name in self.ops:
            return self.ops[name]
        raise PluginError(self.why_missing(name))

    def why_missing(self, name: str) -> str:
        """What is said of a name that no op has: the nearest one, or the plugin to get."""
        if name in self.conflicts:
            return self.conflicts[name]
        package = name.partition("/")[0] if "/" in name else ""
        unknown = f'unknown op "{printable(name)}"'
        if not package:
            return unknown + self._hint(printable(name))
        for plugin in self.plugins:
            if plugin.state != "ready" and package in (plugin.name, plugin.distribution):
                return f'{unknown}: plugin "{plugin.name}" is {plugin.state}: {plugin.error}'
        return (
            f"{unknown}{self._hint(printable(name))}; no installed plugin has it: install the "
            f'wheel that ships "{printable(package)}" ops'
        )

    def _hint(self, name: str) -> str:
        """What was meant: another library's name, ours in other letters, or the nearest one."""
        if meant := synonyms.pointer(name):
            return f"; {meant}"
        letters = {synonyms.keys(known)[0]: known for known in self.steps}
        alike = next((letters[key] for key in synonyms.keys(name) if key in letters), None)
        return f' (did you mean "{alike}"?)' if alike else suggest(name, self.steps)


@lru_cache(maxsize=1)
def default_registry() -> Registry:
    """The registry of everything installed, found once per process."""
    return build(_entry_points(), os.environ.get(DISABLE, ""))


def _entry_points() -> list[metadata.EntryPoint]:
    found = metadata.entry_points(group=hookspecs.PROJECT)
    unique = {(point.name, point.value): point for point in found}  # an egg-link may list one twice
    return sorted(  # first-party first
        unique.values(), key=lambda point: (_distribution(point)[0] != FIRST_PARTY, point.name)
    )


def build(points: Iterable[Any], disabled: str = "") -> Registry:
    """A registry of the given entry points; `disabled` names plugins, comma-separated."""
    blocked = {name.strip() for name in disabled.split(",") if name.strip()}
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    plugins: list[Plugin] = []
    ops: dict[str, Op | Macro] = {}
    owner: dict[str, Plugin] = {}
    conflicts: dict[str, str] = {}
    for point in points:
        plugin, shipped = _load(manager, point, blocked)
        for op in shipped:
            if op.name in ops or op.name in conflicts:
                conflicts[op.name] = _conflict(op.name, owner[op.name], plugin)
                ops.pop(op.name, None)
            else:
                ops[op.name], owner[op.name] = op, plugin
        plugins.append(plugin)
    named = sorted(ops.items())
    return Registry(
        {name: op for name, op in named if isinstance(op, Op)},
        tuple(plugins),
        owner,
        conflicts,
        {name: op for name, op in named if isinstance(op, Macro)},
    )


def _conflict(name: str, one: Plugin, two: Plugin) -> str:
    return (
        f'op "{name}" is claimed by two plugins, "{one.name}" ({one.distribution} {one.version}) '
        f'and "{two.name}" ({two.distribution} {two.version}): remove one wheel, or block one '
        f"with {DISABLE}={two.name}"
    )


def _load(
    manager: pluggy.PluginManager, point: Any, blocked: set[str]
) -> tuple[Plugin, tuple[Op | Macro, ...]]:
    distribution, version = _distribution(point)

    def plugin(state: str, error: str = "", ops: tuple[str, ...] = ()) -> Plugin:
        return Plugin(point.name, distribution, version, state, ops, error)

    if point.name in blocked:
        return plugin("disabled", f"blocked by {DISABLE}"), ()
    module = None
    try:
        module = point.load()
        wanted = getattr(module, "AUGREG_API", hookspecs.API_VERSION)
        if wanted != hookspecs.API_VERSION:
            reason = f"it speaks plugin API {wanted!r}, this augreg speaks {hookspecs.API_VERSION}"
            return plugin("skipped", reason), ()
        if other := manager.get_plugin(point.name):
            raise PluginError(
                f'"{_module_name(other)}" is called "{point.name}" already; a plugin needs a name '
                "of its own on the left of its entry point"
            )
        manager.register(module, name=point.name)
        manager.check_pending()  # refuses a hook that there is none of: a misspelt name
        ops = _collect(manager, module, first_party=distribution == FIRST_PARTY)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may even call sys.exit; it breaks itself only
        if module is not None and manager.get_plugin(point.name) is module:
            manager.unregister(module)
        return plugin("failed", f"{type(error).__name__}: {error}"), ()
    if not ops:
        return plugin("empty", _why_empty(module)), ()
    return plugin("ready", ops=tuple(op.name for op in ops)), ops


def _module_name(module: Any) -> str:
    return getattr(module, "__name__", type(module).__name__)


def _why_empty(module: Any) -> str:
    """Why a plugin that loads has no ops: what its author is likely to have forgotten."""
    hook = getattr(module, "register_ops", None)
    name = _module_name(module)
    if callable(module):
        return f'it registers nothing: its entry point names "{name}"; it has to name the module'
    if hook is None:
        return f'it registers nothing: "{name}" has no register_ops marked with @augreg.hookimpl'
    if not hasattr(hook, f"{hookspecs.PROJECT}_impl"):
        return "it registers nothing: its register_ops is not marked with @augreg.hookimpl"
    return "it registers nothing: its register_ops returned no op; it has to return a list of them"


def _collect(
    manager: pluggy.PluginManager, module: Any, first_party: bool
) -> tuple[Op | Macro, ...]:
    others = [other for other in manager.get_plugins() if other is not module]
    caller = manager.subset_hook_caller("register_ops", remove_plugins=others)
    ops: list[Any] = []
    for shipped in caller():
        if isinstance(shipped, str | Mapping) or not isinstance(shipped, Iterable):
            raise PluginError(f"register_ops returned {shipped!r}; it has to return a list of ops")
        ops += shipped
    names = [op.name for op in ops if isinstance(op, Op | Macro)]
    for op in ops:
        if not isinstance(op, Op | Macro):
            raise PluginError(f"register_ops returned {op!r}, which is no op; use @augreg.op")
        if names.count(op.name) > 1:
            raise PluginError(f'register_ops returned "{op.name}" twice; return each op once')
        if not first_party and "/" not in op.name:
            raise PluginError(
                f'op "{op.name}" has a plain name, which is kept for first-party ops; '
                f'call it "package/{op.name}"'
            )
    return tuple(ops)


def registered(name: str, version: int) -> Op | Macro:
    """The installed op or macro of a name, for what was pickled; raises `PluginError`."""
    known = default_registry()
    found = known.steps.get(name) or known.get(name)
    if found.version != version:
        raise PluginError(
            f'op "{name}" was sent from a process that has version {version} of it; here it is '
            f"version {found.version}: install the same wheels"
        )
    return found


def _by_name(op: Op | Macro) -> tuple[Any, tuple[str, int]]:
    return registered, (op.name, op.version)


# A policy goes to other processes, and an op is code, which is there already. It is told to
# `copyreg` because an op's own class, below this module, can't know where ops are found.
copyreg.pickle(Op, _by_name)
copyreg.pickle(Macro, _by_name)


def _distribution(point: Any) -> tuple[str, str]:
    dist = getattr(point, "dist", None)
    return (dist.name, dist.version) if dist is not None else ("unknown", "0")
