"""`input-server`: the servers that prepare batches for trainers which wait for their input."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

import typer

from augreg.cli.quiet import quiet_tensorflow

ROLES = ("dispatcher", "worker")


def input_server(
    role: Annotated[str, typer.Argument(help="dispatcher or worker.")],
    dispatcher: Annotated[
        str | None, typer.Option(help="Worker only: HOST:PORT of the dispatcher.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="The name by which others reach this server.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for a free one.")] = 0,
    state: Annotated[
        Path | None, typer.Option(help="Dispatcher only: folder to go on from after a restart.")
    ] = None,
) -> None:
    """Prepares batches for trainers in other processes, as a tf.data service.

    Start one dispatcher and any number of workers, then `augreg train --input-service
    grpc://HOST:PORT`. Only this machine reaches them, unless --host names it for others: the
    protocol has no authentication.
    """
    if role not in ROLES:
        raise typer.BadParameter(f'"{role}" is no role; allowed are dispatcher and worker')
    if (role == "worker") != (dispatcher is not None) or (role == "worker" and state):
        raise typer.BadParameter(
            "a worker needs --dispatcher HOST:PORT and takes no --state"
            if role == "worker"
            else "--dispatcher is for a worker"
        )
    with quiet_tensorflow():
        from augreg.dataset import servers

        if dispatcher is None:
            server = servers.dispatcher(host, port, state)
            print(f"dispatcher: grpc://{host}:{server.target.rpartition(':')[2]}", flush=True)
        else:
            server = servers.worker(host, port, dispatcher)
            print(f"worker of {dispatcher}", flush=True)
        threading.Event().wait()  # until a signal comes
