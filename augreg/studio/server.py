"""Serves the studio on 127.0.0.1."""

from __future__ import annotations

import secrets
import socket
import webbrowser

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from augreg.errors import RunError
from augreg.policy import find_policy
from augreg.policy.document import read_document
from augreg.studio.guard import Guard
from augreg.studio.link import session_of
from augreg.studio.options import StudioOptions
from augreg.studio.page import build
from augreg.studio.pictures import Pictures
from augreg.studio.samples import Renderer

HOST = "127.0.0.1"


def serve(options: StudioOptions) -> None:
    """Serves until it is stopped."""
    text, _ = read_document(find_policy(options.policy))
    pictures, renderer = Pictures(options.images), Renderer()

    def page() -> None:
        query = ui.context.client.request.query_params
        build(session_of(query, text, pictures, renderer))

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    ui.run_with(app, root=page, title="augreg studio", dark=None, show_welcome_message=False)
    token = secrets.token_urlsafe(16)
    with _listen(options.port) as listening:
        port = listening.getsockname()[1]
        address = f"http://{HOST}:{port}/?token={token}"
        print(f"augreg studio: {address}", flush=True)
        if options.show:
            webbrowser.open(address)
        config = uvicorn.Config(Guard(app, port, token), log_level="warning")
        uvicorn.Server(config).run([listening])


def _listen(port: int) -> socket.socket:
    """A socket that takes connections from now on, so that a browser may come at once."""
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise RunError(
            f"port {port} of {HOST} can't be had ({error.strerror}), perhaps because another "
            "studio has it; --port 0 takes a free one"
        ) from error
