"""`compare`: from options to the runs and the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from augreg import files
from augreg.compare.options import CompareOptions
from augreg.compare.page import page
from augreg.compare.results import Results, results
from augreg.compare.runs import SETTINGS, keep_settings, train_all
from augreg.compare.samples import strips
from augreg.sources import Source, open_source

REPORT, DATA = "report.html", "report.json"


def compare(
    options: CompareOptions, *, source: Source | None = None, console: Console | None = None
) -> Results:
    """Trains each policy with each seed, and writes `report.html` and `report.json`.

    Every run is one of `augreg train` in `OUTPUT/POLICY/seed-N`. Runs of one seed have the same
    initial weights, images and order. The same call continues a comparison that was interrupted,
    and adds policies and seeds to one that is done.

    Args:
        options: what to compare.
        source: the data, where it is not to be opened by the option `data`.
        console: where progress goes; `Console(quiet=True)` for nowhere.

    Raises:
        RunError: the output folder holds a comparison with other settings, or a run can't work.
        DataError, PolicyError: as `augreg.train.train`.
        Interrupted: a SIGINT or SIGTERM came; a checkpoint was kept.

    >>> from augreg.compare import CompareOptions, compare  # doctest: +SKIP
    >>> compare(CompareOptions(["none", "digits"], seeds=3)).policies[1].difference.verdict
    'no difference shown'
    """
    console = console or Console()
    contenders = options.contenders()
    with files.exclusive_lock(options.output):
        files.sweep(options.output)
        keep_settings(options)
        run = options.run_options(contenders[0], options.first_seed)
        opened = source or open_source(
            run.data, data_dir=run.data_dir, manual_dir=run.manual_dir, max_bad=run.max_bad
        )
        runs = train_all(options, opened, console)
        policies = [one.policy.source for one in contenders if one.policy is not None]
        alike = all(_prepared(one) == _prepared(policies[0]) for one in policies)
        found = results([one.name for one in contenders], runs, alike, run.limit_train is not None)
        text = json.dumps(found.as_json(), indent=2, ensure_ascii=False, allow_nan=False)
        files.write_text(options.output / DATA, text + "\n")
        settings = (options.output / SETTINGS).read_text(encoding="utf-8")
        made = page(found, strips(options, opened), settings)
        files.write_text(options.output / REPORT, made)
    return found


def _prepared(policy: Mapping[str, Any]) -> tuple[Any, Any]:
    return policy.get("prepare"), policy.get("output")
