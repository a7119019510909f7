"""The runs of a comparison: each is an ordinary one in a folder of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from augreg import files
from augreg.compare.options import OWN, CompareOptions
from augreg.errors import RunError
from augreg.sources import Source
from augreg.train import train
from augreg.train.checkpoint import FOLDER
from augreg.train.config import config_text
from augreg.train.data import policy_of
from augreg.train.options import TrainOptions
from augreg.train.report import Summary, read

SETTINGS = "compare.toml"


def train_all(options: CompareOptions, source: Source, console: Console) -> list[list[Summary]]:
    """The summaries of all runs: for each policy, one of each seed.

    Seed by seed, so that what an interruption leaves are pairs. A finished run is read, one that
    was interrupted is continued.

    Raises:
        RunError: the folder holds a comparison with other settings.
    """
    contenders = options.contenders()
    found: list[list[Summary]] = [[] for _ in contenders]
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for contender, summaries in zip(contenders, found, strict=True):
            run = options.run_options(contender, seed)
            console.print(f"{contender.name}, seed {seed}", style="bold", highlight=False)
            summaries.append(finished(run) or continued(run, source, console))
    return found


def continued(
    options: TrainOptions,
    source: Source,
    console: Console,
    after_epoch: Callable[[Mapping[str, float]], None] | None = None,
) -> Summary:
    """A run that is begun, or continued where it was interrupted; see `augreg.train.train`."""
    options = replace(options, resume=(options.output / FOLDER).exists())
    with _without_false_alarm():
        return train(options, source=source, console=console, after_epoch=after_epoch)


def finished(options: TrainOptions) -> Summary | None:
    """What the run has left in its folder; None where it is not finished.

    Raises:
        RunError: it was a run of another policy.
    """
    summary = read(options.output)
    if summary is not None and summary.policy_hash != policy_of(options).hash:
        raise RunError(
            f"{options.output}: a finished run of another policy "
            f'("{summary.policy}", {summary.policy_hash[:12]}); remove the folder, or name another '
            "--output"
        )
    return summary


@contextmanager
def _without_false_alarm() -> Iterator[None]:
    """TensorFlow counts the traces of all networks together, as if one was traced too often."""

    def another(record: logging.LogRecord) -> bool:
        return "triggered tf.function retracing" not in record.getMessage()

    logger = logging.getLogger("tensorflow")
    logger.addFilter(another)
    try:
        yield
    finally:
        logger.removeFilter(another)


def keep_settings(options: CompareOptions) -> None:
    """Writes what all runs have in common, or checks it; see `keep_text`."""
    common = options.run_options(options.contenders()[0], options.first_seed)
    keep_text(options.output / SETTINGS, config_text(common, without=OWN))


def keep_text(path: Path, text: str) -> None:
    """Writes settings, or checks that they are what was written before.

    Raises:
        RunError: they are not.
    """
    if not path.exists():
        files.write_text(path, text)
        return
    before, now = (set(one.splitlines()) for one in (path.read_text(encoding="utf-8"), text))
    if before != now:
        raise RunError(
            f"{path}: what is there was begun with {_listed(before - now)}, and is now asked for "
            f"with {_listed(now - before)}; give the same again, or name another --output"
        )


def _listed(lines: set[str]) -> str:
    return ", ".join(line.removeprefix("# ") for line in sorted(lines)) or "nothing else"
