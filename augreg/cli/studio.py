"""`studio`: a local web page in which a policy is written, seen and measured."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from augreg.cli.completion import complete_policy
from augreg.cli.console import DataDir
from augreg.cli.pictures import ImagesArgument
from augreg.cli.quiet import quiet_tensorflow
from augreg.cli.suggestions import check_policy_first
from augreg.errors import RunError
from augreg.sources.openers import NAMED, opener_of
from augreg.studio.options import PORT, StudioOptions


def studio(
    policy: Annotated[
        str,
        typer.Argument(
            metavar="[POLICY]",
            help="Policy file, or the name of a ready policy.",
            autocompletion=complete_policy,
        ),
    ] = "flowers",
    images: ImagesArgument = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for a free one.")] = PORT,
    show: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
    new_token: Annotated[
        bool, typer.Option("--new-token", help="Lock out pages that were opened before.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Opens a local web page in which a policy is written, seen and measured.

    Only this machine reaches the page, and only with the address that is printed. Ctrl+C ends it;
    pages that are open go on when the same command is started again.
    """
    named = [Path(one) for one in images or () if opener_of(one) is NAMED]  # not digits
    check_policy_first("studio", policy, named)
    if find_spec("nicegui") is None:
        raise RunError("the studio needs NiceGUI: pip install 'augreg[studio]'")
    from augreg.studio import serve

    with quiet_tensorflow(later=True):  # the page is there first
        serve(StudioOptions(policy, tuple(images or ()), port, show, new_token, data_dir))
