"""`augreg apply`: a run that can be stopped at any moment and goes on where it was.

Outputs are made in parallel, and written one after another in a fixed order: first the file, whole,
then its line in the journal. So whatever ends a run, the same command gives, byte for byte, what an
uninterrupted one gives (with the same TensorFlow and `isal` on the same machine).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from augreg.apply import states
from augreg.apply.inputs import FROZEN, freeze, tasks_of
from augreg.apply.journal import NAME, Journal
from augreg.apply.output import Output, open_output
from augreg.apply.parallel import in_order
from augreg.apply.renderer import Made, Opened, Renderer, Task
from augreg.apply.settings import (
    SETTINGS,
    TFDS,
    ApplyOptions,
    changed_since,
    settings_of,
    write_or_check_settings,
)
from augreg.apply.shard import LOCK, SHARDS
from augreg.apply.store import Store
from augreg.errors import ImageError, PolicyError, RunError
from augreg.images import one_line
from augreg.lower.sampled import Drawn
from augreg.plan import plan

if TYPE_CHECKING:
    from augreg.apply.annotated import AnnotatedInput
    from augreg.apply.tfds import RecordFormat
    from augreg.sources import BadAnnotation

_WORKERS = 4  # TensorFlow's kernels use all cores by themselves; these overlap reading and encoding
_READERS = 16  # from an object store, where an image takes some 50 ms to come


@dataclass
class Report:
    """How far a run has come; filled as it goes, so that it can be read after an interruption.

    Attributes:
        images, total: images found, and outputs wanted; of a shard, its own.
        started: whether the folder is this run's, and writing may have begun.
        made, kept: outputs of this run, and whole ones of earlier runs.
        skipped: image -> why it could not be used.
        notes: what decoding dropped -> the images, in order.
        bad_annotations: of annotated images, what is wrong, and was clipped or left out.
    """

    images: int = 0
    total: int = 0
    started: bool = False
    made: int = 0
    kept: int = 0
    skipped: dict[str, Exception] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    bad_annotations: tuple[BadAnnotation, ...] = ()


def apply_folder(
    options: ApplyOptions, report: Report, tick: Callable[[], None] = lambda: None
) -> None:
    """Makes what is missing in the output folder. `tick` is called after each output.

    Raises:
        PolicyError: the policy can't work at any size. DataError: no image in the input.
        RunError: the folders are one, another run is on it, or its outputs were made otherwise.
        OSError: the disk is full, or a permission is missing. All outputs in the folder are whole.
    """
    annotated, shard = _annotated(options), options.shard
    if annotated is not None:
        options = options.within(annotated.root)
        report.bad_annotations = annotated.bad_annotations
        report.skipped.update((bad.path, ImageError(str(bad))) for bad in annotated.bad)
    every = tasks_of(options, annotated.targets if annotated else None)
    wanted = settings_of(options, every)
    tasks = [task for task in every if shard is None or shard.holds(task.index)]
    report.images = len(tasks) // options.copies + len(report.skipped)
    report.total = len(tasks)
    records = None
    if options.format == TFDS:
        from augreg.apply.tfds import RecordFormat

        channels = plan(options.policy).channels_out
        records = RecordFormat(options.output, tasks, channels, options.encoding.kind)
    with _begun(options, wanted, every) as run:
        report.started = True
        work = _Run(options, *run, report, tick)
        if records is None:
            work.run(tasks)
        else:
            work.run_records(records)
        if shard is not None:
            states.end(run[0], shard, _skipped(tasks, run[1], report))
        elif annotated is not None:
            annotated.write(run[0], options.policy, run[1].lines.values())
    mistakes = [error for error in report.skipped.values() if isinstance(error, PolicyError)]
    if mistakes and len(mistakes) == report.images:
        raise mistakes[0]


def _annotated(options: ApplyOptions) -> AnnotatedInput | None:
    if not options.spec:
        return None
    from augreg.apply.annotated import AnnotatedInput

    return AnnotatedInput(
        options.spec, options.annotations_format, options.bad_annotations, options.max_pixels
    )


@contextmanager
def _begun(
    options: ApplyOptions, wanted: dict[str, Any], tasks: list[Task]
) -> Iterator[tuple[Output, Journal, dict[str, Any]]]:
    """The output folder, the journal, and the settings that the run was begun with."""
    shard, where = options.shard, one_line(options.output)
    if shard is None:
        with open_output(options.output) as folder:
            settings = write_or_check_settings(folder, options.policy, wanted)
            freeze(folder, options, tasks)
            with Journal(folder) as journal:
                yield folder, journal, settings
            if folder.has(FROZEN):
                folder.remove(FROZEN)
            folder.sync()
        return
    busy = f"{where}: shard {shard} is running already; wait for it to end"
    with open_output(options.output, shard.part, shared=True) as folder:
        if folder.has(NAME) or (folder.has(SETTINGS) and not folder.has(SHARDS)):
            raise RunError(
                f"{where}: it holds a run without shards, or its shards are merged already; "
                f"name another folder for shard {shard}"
            )
        with (
            folder.locked(LOCK, f"{where}: its shards are being merged; wait for it", shared=True),
            folder.locked(shard.journal, busy),
            Journal(folder, shard.journal) as journal,
        ):
            folder.own()
            states.begin(folder, options, shard, wanted)
            freeze(folder, options, tasks)
            yield folder, journal, wanted
        folder.sync()


def _skipped(tasks: list[Task], journal: Journal, report: Report) -> list[tuple[int, int, str]]:
    return [
        (task.index, task.copy, str(report.skipped[task.name]))
        for task in tasks
        if (task.index, task.copy) not in journal.lines
    ]


@dataclass
class _Run:
    options: ApplyOptions
    folder: Output
    journal: Journal
    settings: dict[str, Any]
    report: Report
    tick: Callable[[], None]

    def run(self, tasks: list[Task]) -> None:
        at_once = self.folder.at_once > 1
        for task, made in self._made(self._pending(tasks), written=at_once):
            if made is not None:
                if not at_once:
                    self.folder.write(task.output, made.contents)
                self._note(task, made)
            self.tick()

    def run_records(self, files: RecordFormat) -> None:
        """The same as records: each file whole, then its lines."""
        lengths = {}
        for file in files.files:
            lines = [self.journal.lines.get((task.index, task.copy)) for task in file.tasks]
            kept = files.kept(self.folder.read(file.path), [line for line in lines if line])
            new = [task for task, line in zip(file.tasks, lines, strict=True) if not line]
            if kept is None or any(made for _, made in self._made(iter(new))):
                made = [(task, one) for task, one in self._made(iter(file.tasks)) if one]
                self.folder.write(file.path, files.records([one for _, one in made]))
                for task, one in made:
                    self._note(task, one)
                kept = [len(one.contents) for _, one in made]
            else:
                self.report.kept += len(kept)
            lengths[file.path] = kept
            for _ in file.tasks:
                self.tick()
        for path, contents in files.metadata(lengths).items():
            self.folder.write(path, contents)

    def _made(
        self, tasks: Iterator[Task], written: bool = False
    ) -> Iterator[tuple[Task, Made | None]]:
        """The outputs in their order, made in parallel; None for images that can't be used.

        Args:
            written: each is written as it is made, in any order.
        """
        make = self._make_and_write if written else self._make
        remote = isinstance(self.options.input, Store)
        workers = max(_WORKERS, self.folder.at_once, _READERS if remote else 0)
        for task, future in in_order(tasks, workers, lambda: self.maker, make):
            yield task, self._usable(task, future)

    def _make_and_write(self, task: Task, drawn: Drawn, opened: Opened) -> Made:
        made = self._make(task, drawn, opened)
        self.folder.write(task.output, made.contents)
        return made

    @cached_property
    def maker(self) -> Renderer:
        options = self.options
        return Renderer(options.policy, options.seed, options.max_pixels, options.encoding)

    def _pending(self, tasks: list[Task]) -> Iterator[Task]:
        for task in tasks:
            line = self.journal.lines.get((task.index, task.copy))
            if line is not None and self.journal.is_whole(line):
                self.report.kept += 1
                self.tick()
            else:
                yield task

    def _usable(self, task: Task, future: Future[Made]) -> Made | None:
        try:
            return future.result()
        except (ImageError, PolicyError) as error:
            self.report.skipped.setdefault(task.name, error)
            return None

    def _make(self, task: Task, drawn: Drawn, opened: Opened) -> Made:
        """An output, checked to be what an earlier run made."""
        made = self.maker.make(task, drawn, opened)
        before = self.journal.lines.get((task.index, task.copy))
        if before is not None and before != made.line:
            changed = changed_since(self.settings)
            raise RunError(
                f"{one_line(task.output)}: made again, it differs from its line in "
                f"{self.journal.name}: its source changed, or what made it did "
                f"({changed or f'{SETTINGS} names it'}); name another folder"
            )
        return made

    def _note(self, task: Task, made: Made) -> None:
        """The line of an output that is written, and what is reported of it."""
        if (task.index, task.copy) not in self.journal.lines:
            self.journal.append(made.line)
        self.report.made += 1
        for note in made.notes if task.copy == 0 else ():
            self.report.notes.setdefault(note, []).append(task.name)
