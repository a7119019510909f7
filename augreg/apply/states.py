"""What each shard was begun with, and whether it is done: a file for each, until they are merged.

No file is shared, so shards may begin at one moment on several machines, and those that ran in
folders of their own can be copied into one. A shard compares itself with the ones that it sees,
`merge` compares all.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from augreg.apply.output import Output
from augreg.apply.settings import ANNOTATED, SAME, ApplyOptions, differences
from augreg.apply.shard import SHARDS, Shard
from augreg.errors import RunError
from augreg.images import one_line
from augreg.policy import ready_policies


@dataclass(frozen=True)
class State:
    """A shard's.

    Attributes:
        settings, policy: what `apply.json` and `policy.json` are to hold.
        command: the one that began it, without `--shard`.
        skipped: index, copy and reason of each output that can't be made; None until it is done.
    """

    settings: dict[str, Any]
    policy: dict[str, Any]
    command: str
    skipped: list[tuple[int, int, str]] | None = None


def begin(folder: Output, options: ApplyOptions, shard: Shard, wanted: dict[str, Any]) -> None:
    """Writes a shard's state, after comparing it with all that are there.

    Raises:
        RunError: some were begun otherwise, or the shard's own is lost.
    """
    known = read_states(folder)
    state = State(wanted, options.policy.written, _command(options))
    check_alike(folder, known, shard, state)
    if shard not in known and folder.read(shard.journal):
        raise RunError(
            f"{one_line(folder.path / shard.journal)}: shard {shard} has outputs, but its "
            f"{shard.state} is lost; remove this file to make them anew, or name another folder"
        )
    _write(folder, shard, state)
    try:  # once more: of two that begin at one moment, one at least sees the other
        check_alike(folder, read_states(folder), shard, state)
    except RunError:
        if shard not in known:
            folder.remove(shard.state)
        raise


def end(folder: Output, shard: Shard, skipped: list[tuple[int, int, str]]) -> None:
    """Notes that a shard is done."""
    _write(folder, shard, replace(read_states(folder)[shard], skipped=skipped))


def _write(folder: Output, shard: Shard, state: State) -> None:
    folder.write(shard.state, json.dumps(asdict(state), indent=2).encode("ascii"))


def read_states(folder: Output) -> dict[Shard, State]:
    """The states of all shards that were begun, by number; raises `RunError` for a damaged one."""
    shards = sorted(filter(None, map(Shard.of_state, folder.names(SHARDS))))
    found = ((shard, folder.read(shard.state)) for shard in shards)
    return {
        shard: _parsed(raw, one_line(folder.path / shard.state))
        for shard, raw in found
        if raw is not None
    }


def _parsed(raw: bytes, where: str) -> State:
    try:
        state = State(**json.loads(raw))
        _compared(Shard(0, 1), state)
        numbers = [state.settings[name] for name in ("epoch", "copies", "images")]
        numbers += [number for *both, _ in state.skipped or () for number in both]
        if not all(isinstance(number, int) for number in numbers):
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError):
        raise RunError(
            f"{where}: this is no state of a shard; the file was changed by another program: "
            "restore it, or remove it and the .jsonl beside it to make the shard anew"
        ) from None
    return state


def check_alike(
    folder: Output,
    states: Mapping[Shard, State],
    shard: Shard,
    state: State,
    name: str = "this one",
) -> None:
    """Raises `RunError` for the shards of `states` that were begun otherwise than `state`."""
    others: dict[str, list[str]] = {}
    for other, there in states.items():
        differing = differences(_compared(other, there), _compared(shard, state))
        if differing:
            theirs, ours = (
                ", ".join(f"{setting[0]} {setting[i]}" for setting in differing) for i in (1, 2)
            )
            others.setdefault(f"begun with {theirs}, {name} with {ours}", []).append(str(other))
    if others:
        said = (
            f"shard {shards[0]} was {how}"
            if len(shards) == 1
            else f"shards {', '.join(shards)} were {how}"
            for how, shards in others.items()
        )
        raise RunError(
            f"{one_line(folder.path)}: {'; '.join(said)}; all shards need the same settings, "
            "versions and instruction set, because bytes depend on them: give the same, or name "
            "another folder"
        )


def _compared(shard: Shard, state: State) -> dict[str, Any]:
    """What all shards of a run have in common."""
    settings = state.settings
    return {
        **{name: settings[name] for name in SAME},
        **{name: settings.get(name) for name in ANNOTATED},
        **settings["made_with"],
        "shards": shard.count,
    }


def _command(options: ApplyOptions) -> str:
    path = Path(options.policy.path or "POLICY")
    policy = path.stem if path.parent == ready_policies() else str(path)
    words = ["augreg", "apply", policy, options.spec or str(options.input), str(options.output)]
    for option in fields(options):
        value = getattr(options, option.name)
        if option.default not in (MISSING, value) and option.name not in ("shard", "spec"):
            words += [f"--{option.name.replace('_', '-')}", str(value)]
    return shlex.join(words)
