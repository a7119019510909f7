"""A pipeline of `augreg.beam` on two worker processes, with outputs made of hashes.

Without arguments it is such a worker. Only the pixels are not the real thing.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import apache_beam as beam
import apply_driver
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.worker import sdk_worker_main
from apache_beam.transforms.environments import SubprocessSDKEnvironment

import augreg.beam

FIRST = "AUGREG_TEST_FIRST"  # the file in which the first worker leaves its number
WORKER = SubprocessSDKEnvironment.from_command_string(f"exec {sys.executable} {__file__}")


def pipeline(environment: SubprocessSDKEnvironment | None = None) -> beam.Pipeline:
    """In this process, or on two workers of `environment`."""
    options = PipelineOptions([], direct_num_workers=2 if environment else 1)
    return beam.Pipeline(FnApiRunner(environment), options=options)


def counters(started: beam.Pipeline) -> dict[str, int]:
    """Runs it to its end."""
    result = started.run()
    result.wait_until_finish()
    found = result.metrics().query()["counters"]
    return {one.key.metric.name: one.committed for one in found if one.key.metric.name != "success"}


def run(*arguments: Any, **options: Any) -> dict[str, int]:
    started = pipeline(options.pop("environment", None))
    started | augreg.beam.Apply(*arguments, **options)
    return counters(started)


def work() -> None:
    try:  # the first one waits to be killed, the other one works to the end
        with Path(os.environ[FIRST]).open("x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        os.environ.pop(apply_driver.MAKES, None)
    augreg.beam.Renderer = apply_driver.HashMaker
    sdk_worker_main.main([])


if __name__ == "__main__":
    if len(sys.argv) == 1:
        work()
    else:
        print(json.dumps(run(*sys.argv[1:], copies=2, seed=7, environment=WORKER)))
