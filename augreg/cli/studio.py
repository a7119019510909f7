"""`studio`: a local web page in which a policy is written, seen and measured."""

from __future__ import annotations

from typing import Annotated

import typer

from augreg.cli.completion import complete_policy
from augreg.errors import RunError


def studio(
    policy: Annotated[
        str,
        typer.Argument(
            metavar="[POLICY]",
            help="Policy file, or the name of a ready policy.",
            autocompletion=complete_policy,
        ),
    ] = "flowers",
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="[IMAGES]...", help="Folders and files of images."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for a free one.")] = 8123,
    show: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Opens a local web page in which a policy is written, seen and measured."""
    from augreg.studio import StudioOptions

    try:
        from augreg.studio import serve
    except ModuleNotFoundError as error:
        if error.name != "nicegui":
            raise
        raise RunError("the studio needs NiceGUI: pip install 'augreg[studio]'") from None
    serve(StudioOptions(policy, tuple(images or ()), port, show))
