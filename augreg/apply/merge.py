"""`augreg merge`: the shards of a run become the tree that one run would have made.

Every line and every output is checked first. Then the manifest is written in one run's order, and
the shards' own files go in one moment: a merge that was killed is done again by the same command.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from augreg.apply.inputs import FROZEN
from augreg.apply.journal import NAME, Journal, ManifestLine, parse_line
from augreg.apply.output import Output, open_output
from augreg.apply.settings import write_settings
from augreg.apply.shard import LOCK, SHARDS, Shard
from augreg.apply.states import State, check_alike, read_states
from augreg.apply.store import Store, place_of
from augreg.errors import DataError, RunError
from augreg.images import one_line
from augreg.policy import load_policy


@dataclass
class Merged:
    """What `merge` did; filled as it goes.

    Attributes:
        shards: how many were merged; 0 where none was left to merge.
        images, total: of the run, and the outputs that were wanted.
        made: outputs that there are.
        skipped: index of an image -> why it could not be used.
    """

    shards: int = 0
    images: int = 0
    total: int = 0
    made: int = 0
    skipped: dict[int, str] = field(default_factory=dict)


def merge(output: Path | Store, report: Merged, tick: Callable[[], None] = lambda: None) -> None:
    """Merges the shards in a folder, once. `tick` is called after each output that was checked.

    Raises:
        DataError: shards are not done or lost outputs; it has the command that fixes each.
        RunError: shards are running, were begun with different settings or contradict one another;
            or no run was begun in the folder.
    """
    output = place_of(output)
    where = one_line(output)
    if not output.is_dir():
        raise RunError(f"{where}: no such folder; name the output folder of augreg apply --shard")
    with open_output(output, shared=True) as folder:
        if folder.has(SHARDS):
            with folder.locked(LOCK, lambda: _busy(folder, where)):
                folder.own()
                _merge(folder, where, report, tick)
                if folder.has(FROZEN):
                    folder.remove(FROZEN)
                folder.discard(SHARDS)
        elif not folder.has(NAME):
            raise _nothing(where)
        folder.sync()
        folder.sweep()


def _nothing(where: str) -> RunError:
    return RunError(f"{where}: no shard was begun in it; run augreg apply with --shard first")


def _busy(folder: Output, where: str) -> str:
    running = []
    for shard in read_states(folder):
        try:
            with folder.locked(shard.journal, ""):
                pass
        except RunError:
            running.append(str(shard))
    return f"{where}: still running: {', '.join(running) or 'another merge'}; wait for it to end"


def _merge(folder: Output, where: str, report: Merged, tick: Callable[[], None]) -> None:
    states = read_states(folder)
    if folder.has(NAME):
        return  # which comes last: another process merged them, or one that was killed
    if not states:
        raise _nothing(where)
    first, state = next(iter(states.items()))
    check_alike(folder, states, first, state, f"shard {first}")
    report.images = state.settings["images"]
    report.total = report.images * state.settings["copies"]
    tree, undone = _Tree(folder, report, tick), []
    for shard in (Shard(number, first.count) for number in range(first.count)):
        reason = tree.add(shard, states[shard]) if shard in states else "never begun"
        if reason:
            command = states.get(shard, state).command
            undone.append(f"  {command} --shard {shard}  # {reason}")
    if undone:
        raise DataError(
            f"{where}: {len(undone)} of {first.count} shards are not done; run the following, "
            f"then augreg merge {where} again:\n" + "\n".join(undone)
        )
    if "annotations" in state.settings:
        from augreg.apply.annotated import AnnotatedInput

        every = [parse_line(line, where) for line in tree.lines.values()]
        annotated = AnnotatedInput.of_settings(folder.path, state.settings)
        annotated.write(folder, load_policy(state.policy), every)
    write_settings(folder, state.policy, state.settings)
    folder.write(NAME, b"".join(tree.lines[key] for key in sorted(tree.lines)))
    report.shards, report.made = first.count, len(tree.lines)


@dataclass
class _Tree:
    """What the shards say that there is, and what of it is there."""

    folder: Output
    report: Merged
    tick: Callable[[], None]
    lines: dict[tuple[int, int], bytes] = field(default_factory=dict)
    makers: dict[str, Shard] = field(default_factory=dict)

    def add(self, shard: Shard, state: State) -> str:
        """Checks a shard's lines and outputs, and gives what is undone of it."""
        images, copies = state.settings["images"], state.settings["copies"]
        rest = {(i, c) for i in range(shard.number, images, shard.count) for c in range(copies)}
        total, lost = len(rest), []
        with Journal(self.folder, shard.journal) as journal:
            for key, line in journal.lines.items():
                self._check(shard, state, line, key in rest)
                if not journal.is_whole(line):
                    lost.append(one_line(line.output))
                self.lines[key] = line.encode()
                self.tick()
            rest -= journal.lines.keys()
        if state.skipped is None:
            return f"stopped at {total - len(rest)} of {total} outputs"
        for index, copy, reason in state.skipped:
            self.report.skipped.setdefault(index, reason)
            rest.discard((index, copy))
        lost += [f"copy {copy} of image {index}" for index, copy in sorted(rest)]
        return f"lost or changed outputs: {len(lost)}, the first: {lost[0]}" if lost else ""

    def _check(self, shard: Shard, state: State, line: ManifestLine, wanted: bool) -> None:
        """Refuses a line that the shard can't have written."""
        where = f"{one_line(self.folder.path / shard.journal)}: {one_line(line.output)}"
        settings = state.settings
        key = (settings["policy"], settings["seed"], settings["epoch"] + line.copy)
        if not wanted or (line.policy, line.seed, line.epoch) != key:
            raise RunError(
                f"{where}: no output of shard {shard} of this run; the file was changed or comes "
                "from another run: remove it, and run the shard again"
            )
        other = self.makers.get(line.output)
        if other is not None:
            raise RunError(
                f"{where}: shard {other} has a line for this output too; one of their files was "
                "changed: remove both, and run both shards again"
            )
        self.makers[line.output] = shard
