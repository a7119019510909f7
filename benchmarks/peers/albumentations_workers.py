"""Albumentations in worker processes: what two data-loader workers would reach.

Each worker has the images already and keeps what it makes ("without transfer": the kindest
possible measurement), or hands each batch to the parent through shared memory, which copies it.
"""

import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

import cv2
import numpy as np

from benchmarks.measure import Runner
from benchmarks.peers import Source
from benchmarks.peers.albumentations_recipes import batch_through, compose
from benchmarks.work import Case, images

SLOTS = 2


@dataclass(frozen=True)
class Ends:
    """What a worker and the parent share. memory: `SLOTS` batches; free: the count of free ones."""

    case: Case
    pipe: Connection
    memory: Any
    free: Any

    def slots(self) -> np.ndarray:
        """float32 [SLOTS,B,H,W,3] in shared memory: one is filled while the other is read."""
        flat = np.frombuffer(self.memory, np.float32)
        return flat.reshape(SLOTS, self.case.batch, self.case.size, self.case.size, 3)


def serve(ends: Ends, seed: int, threads: int, lut: bool, send: bool) -> None:
    """A worker's life: make images, say so, then as many batches as it is asked for."""
    cv2.setNumThreads(threads)
    case, slots = ends.case, ends.slots()
    pipeline = compose(case.policy, case.size, seed, lut)
    source = images(case, seed)
    ends.pipe.send(None)
    at = slot = 0
    while True:
        for _ in range(ends.pipe.recv()):
            if send:
                ends.free.acquire()
            batch_through(pipeline, source[at : at + case.batch], slots[slot])
            at = (at + case.batch) % len(source)
            if send:
                ends.pipe.send(slot)
                slot = (slot + 1) % SLOTS
        ends.pipe.send(None)


def _spawn(case: Case, *options: Any) -> tuple[Any, Ends]:
    """A worker's process and the parent's end."""
    context = multiprocessing.get_context("spawn")
    memory = context.RawArray("f", SLOTS * case.batch * case.size**2 * 3)
    free = context.Semaphore(SLOTS)
    ours, theirs = context.Pipe()
    ends = Ends(case, theirs, memory, free)
    process = context.Process(target=serve, args=(ends, *options), daemon=True)
    process.start()
    theirs.close()
    return process, Ends(case, ours, memory, free)


def _drive(workers: Sequence[Ends], into: np.ndarray, count: int) -> None:
    """Let the workers share `count` batches, and wait for the last one, taking what they send."""
    working: dict[Any, Ends] = {}
    for i, worker in enumerate(workers):
        share = count // len(workers) + (i < count % len(workers))
        if share:
            worker.pipe.send(share)
            working[worker.pipe] = worker
    while working:
        for pipe in wait(list(working)):
            worker = working[pipe]
            slot = worker.pipe.recv()
            if slot is None:
                del working[pipe]
                continue
            np.copyto(into, worker.slots()[slot])
            worker.free.release()


def start(
    source: Source, workers: int = 2, threads: int = 0, lut: bool = False, send: bool = False
) -> Runner:
    """The workers, ready to go; a turn is a multiple of them, so that all end at once.

    threads: OpenCV's in each, -1 for as many as it likes; lut: the cheaper contrast; send: hand
    every batch to the parent.
    """
    case = source.case
    compose(case.policy, case.size, 0, lut)  # what has no equivalent is skipped before it costs
    spawned = [_spawn(case, seed, threads, lut, send) for seed in range(workers)]
    crew = [ends for _, ends in spawned]
    for ends in crew:
        ends.pipe.recv()
    into = np.empty((case.batch, case.size, case.size, 3), np.float32)

    def sample() -> np.ndarray:
        _drive(crew, into, workers)
        return crew[0].slots()[0]

    def close() -> None:
        for process, _ in spawned:
            process.terminate()
            process.join()

    return Runner(lambda count: _drive(crew, into, count), sample, even=workers, close=close)
