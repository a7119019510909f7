"""The command `augreg`: one module for each family of commands, and the way out for every error.

Nothing here imports NumPy, jsonschema or TensorFlow before a command needs it, so that `--help`
answers at once.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup

from augreg import __version__
from augreg.cli import (
    catalog,
    comparing,
    evaluation,
    imports,
    pictures,
    plugins,
    policies,
    sample,
    searching,
    serving,
    studio,
    training,
)
from augreg.cli.console import (
    FAILED,
    INTERRUPTED,
    INVALID_POLICY,
    TERMINATED,
    WORKER_LOST,
    Terminated,
    any_terminal,
    complain,
)
from augreg.errors import AugregError, PolicyError, WorkerLostError

__all__ = ["app", "main"]

FRAMED = 80  # columns; in fewer, a frame cuts the names of options off


class ReaderLeft(BaseException):
    """Nobody reads stdout any more (`augreg ops | head -1`), which is no failure of the command."""


class _Commands(TyperGroup):
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command: Any = super().get_command(ctx, cmd_name)
        columns = shutil.get_terminal_size().columns
        if command is not None and columns < FRAMED:
            command.rich_markup_mode = None
            command.context_settings["terminal_width"] = columns
        return command

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:  # typer would end with 1, as after a failure
            raise ReaderLeft from error


app = typer.Typer(
    name="augreg",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"augreg {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    """Compiles image-augmentation policies: the same pixels in tf.data, in Keras and on disk.

    POLICY is a policy file, or the name of a ready policy such as `flowers`.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 invalid policy, 4 done in part (skipped images
    are listed), 5 another worker of the training was lost, 130 and 143 stopped by SIGINT and
    SIGTERM.
    """


for _command in (  # in the order of --help
    *(policies.validate, policies.explain, policies.expand, imports.import_),
    *(pictures.preview, sample.sample, pictures.apply, pictures.merge, pictures.replay),
    *(training.train, evaluation.evaluate, comparing.compare, searching.search),
    studio.studio,
    serving.input_server,
    *(catalog.ops, plugins.plugins, plugins.new_plugin, catalog.schema),
):
    # `import` is a word of Python's, so its function ends in an underscore
    app.command(_command.__name__.rstrip("_").replace("_", "-"))(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits; `arguments` are those of the process where None."""
    # only the main thread has signals; what a process was started to ignore, it goes on ignoring
    stoppable = threading.current_thread() is threading.main_thread() and (
        signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN
    )
    before = signal.signal(signal.SIGTERM, _terminate) if stoppable else None
    try:
        with any_terminal(), warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code = _run(arguments)
    finally:
        if stoppable:
            signal.signal(signal.SIGTERM, before)
    sys.exit(code)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        try:
            app(args=arguments, prog_name="augreg")
        except SystemExit as end:  # typer's: 0, 2 for wrong usage, 130, a command's own
            sys.stdout.flush()
            return end.code if isinstance(end.code, int) else int(end.code is not None)
    except PolicyError as error:
        return complain(error, INVALID_POLICY)
    except WorkerLostError as error:
        return complain(error, WORKER_LOST)
    except AugregError as error:
        return complain(error, FAILED)
    except Terminated:
        return TERMINATED
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ReaderLeft, BrokenPipeError):
        # quiet, also when Python flushes stdout at its exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return complain(f"{where}{error.strerror or error}", FAILED)
    return 0


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _show_warning(message: Warning | str, *details: object, **more: object) -> None:
    print(f"warning: {message}", file=sys.stderr)
