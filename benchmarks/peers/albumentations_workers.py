"""Albumentations in worker processes: what two data-loader workers would reach.

Each worker has the images already and keeps what it makes ("without transfer": the kindest
possible measurement), or hands each batch to the parent through shared memory, which copies it.
"""

import multiprocessing
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np

from benchmarks.measure import Runner
from benchmarks.peers.albumentations_recipes import batch_through, compose
from benchmarks.work import Case, images

SLOTS = 2


@dataclass(frozen=True)
class Crew:
    """workers: processes; threads: OpenCV's in each, -1 for as many as it likes; lut: the cheaper
    contrast; send: hand every batch to the parent."""

    workers: int
    threads: int
    lut: bool = False
    send: bool = False


def _slots(memory: SharedMemory, case: Case) -> np.ndarray:
    """float32 [SLOTS,B,H,W,3] in shared memory: one is filled while the other is read."""
    return np.ndarray((SLOTS, case.batch, case.size, case.size, 3), np.float32, memory.buf)


def serve(pipe: Connection, name: str, free: Any, case: Case, seed: int, crew: Crew) -> None:
    """A worker's life: make images, say so, then do as asked until asked for 0 batches.

    It is asked for (batches, send): how many to make, and whether to hand each one over.
    """
    import cv2

    cv2.setNumThreads(crew.threads)
    pipeline = compose(case.policy, case.size, seed, crew.lut)
    source = images(case, seed)
    memory = SharedMemory(name)
    slots = _slots(memory, case)
    pipe.send("ready")
    at = slot = 0
    while True:
        count, send = pipe.recv()
        if not count:
            return
        for _ in range(count):
            if send:
                free.acquire()
            batch_through(pipeline, source[at : at + case.batch], slots[slot])
            at = (at + case.batch) % len(source)
            if send:
                pipe.send(slot)
                slot = (slot + 1) % SLOTS
        pipe.send("done")


@dataclass(frozen=True)
class Worker:
    """One process and its ends: pipe, shared memory, and the count of its free slots."""

    process: Any
    pipe: Connection
    memory: SharedMemory
    slots: np.ndarray
    free: Any

    def finished(self, into: np.ndarray) -> bool:
        """Receive one message: a batch, which is copied out, or the word that all are done."""
        message = self.pipe.recv()
        if isinstance(message, str):
            return True
        np.copyto(into, self.slots[message])
        self.free.release()
        return False


def _spawn(case: Case, seed: int, crew: Crew) -> Worker:
    context = multiprocessing.get_context("spawn")
    memory = SharedMemory(create=True, size=SLOTS * case.batch * case.size**2 * 3 * 4)
    ours, theirs = context.Pipe()
    free = context.Semaphore(SLOTS)
    process = context.Process(
        target=serve, args=(theirs, memory.name, free, case, seed, crew), daemon=True
    )
    process.start()
    theirs.close()
    return Worker(process, ours, memory, _slots(memory, case), free)


def _drive(workers: list[Worker], into: np.ndarray, count: int, send: bool) -> None:
    """Let the workers share `count` batches, and wait for the last one, taking what they send."""
    working: dict[Any, Worker] = {}
    for i, worker in enumerate(workers):
        share = count // len(workers) + (i < count % len(workers))
        if share:
            worker.pipe.send((share, send))
            working[worker.pipe] = worker
    while working:
        for pipe in wait(list(working)):
            if working[pipe].finished(into):
                del working[pipe]


def _stop(workers: list[Worker]) -> None:
    for worker in workers:
        worker.pipe.send((0, False))
        worker.process.join(10)
        # The name goes now; the mapping goes with the arrays that still look into it.
        worker.memory.unlink()


def start(case: Case, crew: Crew) -> Runner:
    """The crew's processes, ready to go; a turn is a multiple of them, so that all end at once."""
    compose(case.policy, case.size, 0, crew.lut)
    workers = [_spawn(case, seed, crew) for seed in range(crew.workers)]
    for worker in workers:
        worker.pipe.recv()
    into = np.empty((case.batch, case.size, case.size, 3), np.float32)

    def sample() -> np.ndarray:
        _drive(workers, into, len(workers), True)
        return into

    return Runner(
        lambda count: _drive(workers, into, count, crew.send),
        sample,
        even=len(workers),
        close=lambda: _stop(workers),
    )
