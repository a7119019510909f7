"""A library in worker processes: what two data-loader workers would reach.

Each worker has the images already and keeps what it makes: the kindest possible measurement, as no
loader hands batches to another process for nothing.
"""

import importlib
import multiprocessing
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from benchmarks.measure import Runner, Skipped
from benchmarks.peers import Source
from benchmarks.work import Case, images

# (images uint8 [B,H,W,3], into float32 [B,H,W,3]) -> None
Fill = Callable[[np.ndarray, np.ndarray], None]


def serve(
    case: Case, pipe: Connection, seed: int, library: str, options: Mapping[str, Any]
) -> None:
    """A worker's life: make images, say so, then as many batches as it is asked for.

    library: a module here with `filler(policy, size, seed, **options)`. It sends why it can't work,
    or an empty string when it is ready, and the batch that it made last when it has done its share.
    """
    try:
        found = importlib.import_module(f"benchmarks.peers.{library}")
        fill: Fill = found.filler(case.policy, case.size, seed, **options)
    except (Skipped, ModuleNotFoundError) as reason:
        pipe.send(str(reason))
        return
    source, at = images(case, seed), 0
    into = np.empty((case.batch, case.size, case.size, 3), np.float32)
    pipe.send("")
    while True:
        share, wanted = pipe.recv()
        for _ in range(share):
            fill(source[at : at + case.batch], into)
            at = (at + case.batch) % len(source)
        pipe.send(into if wanted else None)


def start(source: Source, library: str, workers: int = 2, **options: Any) -> Runner:
    """The workers, ready to go; a turn is a multiple of them, so that all end at once."""
    context, crew = multiprocessing.get_context("spawn"), []
    for seed in range(workers):
        ours, theirs = context.Pipe()
        work = (source.case, theirs, seed, library, options)
        process = context.Process(target=serve, args=work, daemon=True)
        process.start()
        theirs.close()
        crew.append((process, ours))

    def close() -> None:
        for process, _ in crew:
            process.terminate()
            process.join()

    if reasons := [reason for _, pipe in crew if (reason := pipe.recv())]:
        close()
        raise Skipped(reasons[0])

    def drive(count: int, wanted: bool = False) -> Any:
        for i, (_, pipe) in enumerate(crew):
            pipe.send(((count + i) // workers, wanted))
        return [pipe.recv() for _, pipe in crew].pop()

    return Runner(drive, sample=lambda: drive(workers, True), even=workers, close=close)
