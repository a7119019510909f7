"""What all commands share: the exit codes, the two streams, and how a value is shown in a table."""

from __future__ import annotations

import codecs
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from augreg.errors import DataError, PolicyError
from augreg.files import write_whole
from augreg.images.files import one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

FAILED, USAGE, INVALID_POLICY, IN_PART, WORKER_LOST = 1, 2, 3, 4, 5
INTERRUPTED, TERMINATED = 130, 143

# Options of several commands, as types: typer reads them from a command's signature.
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OutputFile = Annotated[
    Path | None, typer.Option("--output", "-o", help="Output file; stdout by default.")
]
DataDir = Annotated[Path | None, typer.Option(help="TFDS data directory.")]
ManualDir = Annotated[
    Path | None, typer.Option(help="Folder of manually downloaded TFDS archives.")
]
BadAnnotations = Annotated[
    str, typer.Option(help="What to do about wrong annotations: clip, drop or error.")
]


class Terminated(BaseException):
    """SIGTERM came. Not an Exception, so that nothing takes it for a mistake and goes on."""


def complain(message: object, code: int) -> int:
    """Says on stderr what is wrong, and returns the exit code.

    On one line, unless it is a list of bad images, whose names are printable already, or of a
    policy's mistakes.
    """
    mistakes = message.mistakes if isinstance(message, PolicyError) else (message,)
    for text in (f"augreg: {mistake}" for mistake in mistakes):
        for line in text.split("\n") if isinstance(message, DataError) else [text]:
            say(line)
    return code


def say(message: str) -> None:
    """A line on stderr, whatever bytes it holds."""
    print(one_line(message), file=sys.stderr, flush=True)


@contextmanager
def any_terminal() -> Iterator[None]:
    r"""Both streams take every character, in whatever encoding they are.

    What an ASCII terminal lacks is written with what it has, as `->` for an arrow, or as \u00e9.
    """
    codecs.register_error("augreg", _in_other_characters)
    streams = [s for s in (sys.stdout, sys.stderr) if isinstance(s, io.TextIOWrapper)]
    before = [stream.errors for stream in streams]
    for stream in streams:
        stream.reconfigure(errors="augreg")
    try:
        yield
    finally:
        for stream, errors in zip(streams, before, strict=True):
            stream.reconfigure(errors=errors)


# Of our own texts; the lines of tables and frames rich writes in ASCII by itself.
_INSTEAD = {"→": "->", "·": "-", "±": "+-", "×": "x", "…": "...", "“": '"', "”": '"', "’": "'"}


def _in_other_characters(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_INSTEAD.get(c, _escaped(c)) for c in missing), error.end


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1]


def stdout() -> Console:
    """A console for results, whose reader may leave: the error goes to `main`, like print's.

    It takes text as it is: a name may have brackets, which are rich's markup.
    """
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            raise

    return Piped(markup=False, highlight=False, soft_wrap=True)


def table(*columns: str, title: str | None = None) -> Table:
    """An empty table in the style of all of them."""
    from rich import box
    from rich.table import Table

    made = Table(
        title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False
    )
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def progress() -> Progress:
    """A progress bar on stderr; silent where stderr is no terminal."""
    from rich import progress as bars
    from rich.console import Console

    return bars.Progress(
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )


def print_json(value: Any, output: Path | None = None) -> None:
    """A value as JSON, for people and programs; see `print_or_write`."""
    print_or_write(json.dumps(value, indent=2, ensure_ascii=False), output)


def print_or_write(text: str, output: Path | None) -> None:
    """JSON and a line's end: to a file, or to stdout where there is none.

    What the encoding of stdout lacks is escaped, and so it reads back as it is.
    """
    if output is not None:
        write_whole(output, (text + "\n").encode())
        return
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = "".join(c if c.isascii() else _escaped(c) for c in text)
    print(text)


def parse_size(text: str | None) -> tuple[int, int] | None:
    """`180x240` as (height, width); raises a usage error for anything else."""
    if text is None:
        return None
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(
        side.isascii() and side.isdigit() and int(side) for side in sides
    ):
        raise typer.BadParameter(f'"{text}" is no size; write HEIGHTxWIDTH, such as 180x240')
    return int(sides[0]), int(sides[1])
