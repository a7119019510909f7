"""The way in: `import`."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from augreg.cli.console import IN_PART, OutputFile, parse_size, print_or_write, say
from augreg.cli.policies import SizeText

if TYPE_CHECKING:
    from augreg.importing import Line

_WIDTH = 80


def import_(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="Of Albumentations: JSON or YAML of A.save. Of Keras: a .keras file, or JSON of "
            "model.to_json() or serialize_keras_object.",
        ),
    ],
    output: OutputFile = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Leave out what a policy can't say.")
    ] = False,
    size: SizeText = None,
) -> None:
    """Imports a policy from Albumentations or Keras, and reports what differs, step by step.

    The policy goes to stdout or --output, the report to stderr. What a policy can't say is an
    error; with --partial it is left out, and the exit code is 4.
    """
    from augreg.importing import import_policy
    from augreg.policy.layout import as_policy

    imported = import_policy(file, partial=partial, size=parse_size(size))
    print_or_write(as_policy(imported.policy), output)
    for line in imported.report:
        for text in _wrapped(line):
            say(text)
    say(imported.summary)
    if imported.count("left out"):
        raise typer.Exit(IN_PART)


def _wrapped(line: Line) -> list[str]:
    """A line of the report, as lines of a terminal."""
    return textwrap.wrap(str(line), _WIDTH, subsequent_indent="    ", break_on_hyphens=False)
