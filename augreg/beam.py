"""`augreg apply` as a transform of Apache Beam: the same files, made by many workers.

What it needs of a runner is little: bundles may be done twice, at once, or by a worker that is
killed. An output has one content and takes its name whole; a worker notes it in a segment of its
own, which the next run reads; the manifest comes last, in one rename.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from augreg.apply.encoding import Encoding
from augreg.apply.folder import PART, OutputFolder
from augreg.apply.inputs import tasks_of
from augreg.apply.journal import NAME, Journal, ManifestLine, read_lines
from augreg.apply.renderer import Renderer, Task
from augreg.apply.settings import (
    SETTINGS,
    ApplyOptions,
    changed_since,
    read_settings,
    settings_of,
    write_or_check_settings,
)
from augreg.errors import ImageError, PolicyError, RunError
from augreg.files import drop
from augreg.images import MAX_PIXELS, one_line
from augreg.paths import check_here
from augreg.policy import Policy, load_policy

try:
    import apache_beam as beam
    from apache_beam.metrics import Metrics
    from apache_beam.utils.shared import Shared
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        "augreg.beam needs Apache Beam: pip install 'augreg[beam]'", name=_error.name
    ) from None

_SEGMENT = ".augreg.lines-"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Skipped:
    """No tuple, because Beam pickles this, and refuses a string of its own that is not UTF-8."""

    name: str
    error: ImageError | PolicyError


Numbered = tuple[tuple[int, int], ManifestLine | _Skipped]  # of (index, copy)


class Apply(beam.PTransform):
    """Augments a folder of images into files and a manifest: `augreg apply` on Beam's workers.

    It begins a pipeline. The folders are on a file system that the machine which starts the
    pipeline and all workers see under the same paths.

    Args:
        policy: as for `augreg.load_policy`; its ops are those of installed plugins, in the same
            versions on every worker.
        input, output, copies, seed, epoch, max_pixels, listing, encoding: as
            for `augreg apply`.

    Returns:
        a PCollection of (image, reason), the images that were skipped, as soon as the manifest is
        written. The counters `made`, `kept` and `skipped` in the namespace `augreg` count outputs.

    Raises:
        AugregError: when it is applied, for what `augreg apply` refuses before it begins.
    """

    def __init__(
        self,
        policy: str | PathLike[str] | dict[str, Any] | Policy,
        input: str | PathLike[str],
        output: str | PathLike[str],
        *,
        copies: int = 1,
        seed: int = 0,
        epoch: int = 0,
        max_pixels: int = MAX_PIXELS,
        listing: str | PathLike[str] | None = None,
        encoding: str = "png",
    ) -> None:
        super().__init__()
        check_here(input, output, listing)  # object stores are for `augreg apply`
        # absolute, because a worker's current folder is another one
        folders = Path(input).absolute(), Path(output).absolute()
        self.options = ApplyOptions(
            load_policy(policy),
            *folders,
            copies,
            seed,
            epoch,
            max_pixels,
            listing=None if listing is None else Path(listing).absolute(),
            encoding=Encoding.parse(encoding),
        )

    def expand(self, begin: Any) -> Any:
        options = self.options
        _check_ops(options.policy)
        tasks = tasks_of(options)
        if (options.output / SETTINGS).exists():  # else they are written when the pipeline runs
            with OutputFolder(Path(options.output)) as folder:
                write_or_check_settings(folder, options.policy, settings_of(options, tasks))
        return (
            begin
            | "Start" >> beam.Impulse()
            | "List" >> beam.FlatMap(_begin, options)
            | "Reshuffle" >> beam.Reshuffle()
            | "Render" >> beam.ParDo(_Render(options))
            | "One key" >> beam.WithKeys(None)
            | "Gather" >> beam.GroupByKey()
            | "Write manifest" >> beam.FlatMap(_finish, options.output)
        )


def _check_ops(policy: Policy) -> None:
    """Raises `AugregError` where the ops here are not those that the policy was loaded with."""
    here = load_policy(policy.written)
    if here.hash != policy.hash:
        raise RunError(
            f"the policy is {policy.hash[:12]} where the pipeline was started and {here.hash[:12]} "
            "on this worker: install the same versions of augreg and of its plugins on all"
        )


def _begin(_: bytes, options: ApplyOptions) -> Iterator[tuple[Task, ManifestLine | None]]:
    """Every output that is wanted, with its line where an earlier run made it."""
    tasks = tasks_of(options)
    with OutputFolder(Path(options.output)) as folder:
        write_or_check_settings(folder, options.policy, settings_of(options, tasks))
        for left in _named(folder, f"{PART}-"):  # by workers that were killed
            drop(folder.descriptor, left)
        lines = {
            (line.index, line.copy): line
            for name in (NAME, *_named(folder, _SEGMENT))
            for line in read_lines(folder, name)
        }
    for task in tasks:
        yield task, lines.get((task.index, task.copy))


def _named(folder: OutputFolder, start: str) -> list[str]:
    return sorted(name for name in os.listdir(folder.descriptor) if name.startswith(start))


class _Render(beam.DoFn):
    """Makes an output, unless it is there; one renderer for all threads of a worker."""

    def __init__(self, options: ApplyOptions) -> None:
        self.options, self._shared = options, Shared()

    def setup(self) -> None:
        options = self.options
        _check_ops(options.policy)
        self._renderer = self._shared.acquire(
            lambda: Renderer(options.policy, options.seed, options.max_pixels, options.encoding)
        )
        own = uuid.uuid4().hex
        self._folder = OutputFolder(Path(options.output), f"{PART}-{own}", shared=True).__enter__()
        self._check_same()
        self._segment = Journal(self._folder, f"{_SEGMENT}{own}").__enter__()

    def _check_same(self) -> None:
        """Raises `RunError` where this worker would make other bytes than the run."""
        raw, where = self._folder.read(SETTINGS) or b"", one_line(self._folder.path / SETTINGS)
        changed = changed_since(read_settings(raw, where))
        if changed:
            raise RunError(
                f"{where}: a worker differs ({changed}), and would make other bytes; give all "
                "workers the same versions and the same kind of processor"
            )

    def teardown(self) -> None:
        self._segment.__exit__()
        self._folder.__exit__(None)

    def process(self, element: tuple[Task, ManifestLine | None]) -> Iterator[Numbered]:
        task, before = element
        number = task.index, task.copy
        if before is not None and self._segment.is_whole(before):
            _count("kept")
            yield number, before
            return
        try:
            line = self._make(task, before)
        except (ImageError, PolicyError) as error:
            _count("skipped")
            yield number, _Skipped(task.name, error)
        else:
            _count("made")
            yield number, line

    def _make(self, task: Task, before: ManifestLine | None) -> ManifestLine:
        made = self._renderer.make(task)
        if before is not None and before != made.line:
            raise RunError(
                f"{one_line(task.output)}: made again, it differs from what an earlier run noted: "
                f"its source changed, or what made it did ({SETTINGS} names it); name another "
                "folder"
            )
        self._folder.write(task.output, made.contents)
        self._segment.append(made.line)
        for note in made.notes if task.copy == 0 else ():
            _LOG.warning("%s: %s", one_line(task.name), note)
        return made.line


def _count(name: str) -> None:
    Metrics.counter("augreg", name).inc()


def _finish(gathered: tuple[None, Iterable[Numbered]], output: Path) -> Iterator[tuple[str, str]]:
    """Writes the manifest in the order of a run on one machine; gives what was skipped."""
    results = sorted(gathered[1], key=lambda result: result[0])
    lines = [made for _, made in results if isinstance(made, ManifestLine)]
    with OutputFolder(output, f"{PART}-{uuid.uuid4().hex}", shared=True) as folder:
        folder.write(NAME, b"".join(line.encode() for line in lines))
        for segment in _named(folder, _SEGMENT):
            drop(folder.descriptor, segment)
        folder.sync()
    skipped: dict[str, _Skipped] = {}
    for _, made in results:
        if isinstance(made, _Skipped):
            skipped.setdefault(made.name, made)
    mistakes = [one.error for one in skipped.values() if isinstance(one.error, PolicyError)]
    if len(mistakes) == len({index for (index, _), _ in results}):
        raise mistakes[0]
    for one in skipped.values():
        _LOG.warning("skipped: %s", one.error)
        yield one_line(one.name), one_line(str(one.error))
