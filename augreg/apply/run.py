"""`augreg apply`: a run that can be stopped at any moment and goes on where it was.

Outputs are made in parallel, and written one after another in a fixed order: first the file, whole,
then its line in the journal. So whatever ends a run, the same command gives, byte for byte, what an
uninterrupted one gives (with the same TensorFlow on the same machine).
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from augreg.apply.folder import OutputFolder
from augreg.apply.inputs import tasks_of
from augreg.apply.journal import NAME, Journal, Line
from augreg.apply.renderer import Made, Renderer, Task
from augreg.apply.settings import (
    SETTINGS,
    ApplyOptions,
    changed_since,
    write_or_check_settings,
)
from augreg.errors import ImageError, PolicyError, RunError
from augreg.images import one_line
from augreg.plan import plan

_EPOCHS = 2**32
_WORKERS = 4  # TensorFlow's kernels use all cores by themselves; these overlap reading and encoding


@dataclass
class Report:
    """How far a run has come; filled as it goes, so that it can be read after an interruption.

    Attributes:
        images, total: images found, and outputs wanted.
        started: whether the folder is this run's, and writing may have begun.
        made, kept: outputs of this run, and whole ones of earlier runs.
        skipped: image -> why it could not be used.
        notes: what decoding dropped -> the images, in order.
    """

    images: int = 0
    total: int = 0
    started: bool = False
    made: int = 0
    kept: int = 0
    skipped: dict[str, Exception] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)


def apply_folder(
    options: ApplyOptions, report: Report, tick: Callable[[], None] = lambda: None
) -> None:
    """Makes what is missing in the output folder. `tick` is called after each output.

    Raises:
        PolicyError: the policy can't work at any size. DataError: no image in the input.
        RunError: the folders are one, another run is on it, or its outputs were made otherwise.
        OSError: the disk is full, or a permission is missing. All outputs in the folder are whole.
    """
    plan(options.policy)
    if not 0 <= options.epoch <= _EPOCHS - options.copies:
        raise RunError(
            f"the last epoch, {options.epoch} + {options.copies} - 1, is above 2**32 - 1"
        )
    tasks = tasks_of(options)
    report.images, report.total = len(tasks) // options.copies, len(tasks)
    with OutputFolder(options.output) as folder:
        settings = write_or_check_settings(folder, options, tasks)
        with Journal(folder) as journal:
            report.started = True
            _Run(options, folder, journal, settings, report, tick).run(tasks)
        folder.sync()
    mistakes = [error for error in report.skipped.values() if isinstance(error, PolicyError)]
    if len(mistakes) == report.images:
        raise mistakes[0]


@dataclass
class _Run:
    options: ApplyOptions
    folder: OutputFolder
    journal: Journal
    settings: dict[str, Any]
    report: Report
    tick: Callable[[], None]

    def run(self, tasks: list[Task]) -> None:
        pending = self._pending(tasks)
        first = next(pending, None)
        if first is None:
            return
        maker = Renderer(self.options.policy, self.options.seed, self.options.max_pixels)
        pool = ThreadPoolExecutor(max_workers=_WORKERS)
        ahead: deque[tuple[Task, Future[Made]]] = deque([(first, pool.submit(maker.make, first))])
        try:
            while ahead:
                while len(ahead) < 2 * _WORKERS and (task := next(pending, None)) is not None:
                    ahead.append((task, pool.submit(maker.make, task)))
                task, future = ahead.popleft()
                self._finish(task, future)
                self.tick()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _pending(self, tasks: list[Task]) -> Iterator[Task]:
        for task in tasks:
            line = self.journal.lines.get((task.index, task.copy))
            if line is not None and self._whole(line):
                self.report.kept += 1
                self.tick()
            else:
                yield task

    def _whole(self, line: Line) -> bool:
        contents = self.folder.read(line.output)
        return contents is not None and hashlib.sha256(contents).hexdigest() == line.sha256

    def _finish(self, task: Task, future: Future[Made]) -> None:
        try:
            made = future.result()
        except (ImageError, PolicyError) as error:
            self.report.skipped.setdefault(task.name, error)
            return
        before = self.journal.lines.get((task.index, task.copy))
        if before is not None and before != made.line:
            changed = changed_since(self.settings)
            raise RunError(
                f"{one_line(task.output)}: made again, it differs from its line in {NAME}: its "
                f"source changed, or what made it did ({changed or f'{SETTINGS} names it'}); name "
                "another folder"
            )
        self.folder.write(task.output, made.contents)
        if before is None:
            self.journal.append(made.line)
        self.report.made += 1
        for note in made.notes if task.copy == 0 else ():
            self.report.notes.setdefault(note, []).append(task.name)
