"""`studio`: a local web page in which a policy is written, seen and measured."""

from __future__ import annotations

from typing import Annotated

import typer

from augreg.cli.completion import complete_policy
from augreg.cli.console import DataDir
from augreg.cli.pictures import ImagesArgument
from augreg.cli.quiet import quiet_tensorflow
from augreg.errors import RunError
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
    try:
        from augreg.studio import serve
    except ModuleNotFoundError as error:
        if error.name != "nicegui":
            raise
        raise RunError("the studio needs NiceGUI: pip install 'augreg[studio]'") from None
    with quiet_tensorflow():
        serve(StudioOptions(policy, tuple(images or ()), port, show, new_token, data_dir))
