"""The runs of a comparison: each is an ordinary one in a folder of its own."""

from __future__ import annotations

from rich.console import Console

from augreg import files
from augreg.compare.options import OWN, CompareOptions
from augreg.errors import RunError
from augreg.sources import Source
from augreg.train import train
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
            summary = finished(run)
            if summary is None:
                console.print(f"{contender.name}, seed {seed}", style="bold", highlight=False)
                summary = train(run, source=source, console=console)
            summaries.append(summary)
    return found


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


def keep_settings(options: CompareOptions) -> None:
    """Writes what all runs have in common, or checks that it is what was written before.

    Raises:
        RunError: it is not.
    """
    path = options.output / SETTINGS
    common = options.run_options(options.contenders()[0], options.first_seed)
    text = config_text(common, without=OWN)
    if not path.exists():
        files.write_text(path, text)
        return
    before, now = (set(one.splitlines()) for one in (path.read_text(encoding="utf-8"), text))
    if before != now:
        raise RunError(
            f"{path}: the comparison was begun with {_listed(before - now)}, and is now asked for "
            f"with {_listed(now - before)}; give the same again, or name another --output"
        )


def _listed(lines: set[str]) -> str:
    return ", ".join(sorted(lines)) or "nothing else"
