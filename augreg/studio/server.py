"""Serves the studio on 127.0.0.1."""

from __future__ import annotations

import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI
from nicegui import app as nicegui
from nicegui import ui

from augreg.compilation_cache import default_folder
from augreg.errors import PathError, PolicyError, RunError
from augreg.studio.connection import watch_connection
from augreg.studio.documents import Documents
from augreg.studio.guard import PAGE, Guard
from augreg.studio.link import session_of
from augreg.studio.options import StudioOptions
from augreg.studio.page import build
from augreg.studio.pictures import Pictures
from augreg.studio.samples import Renderer
from augreg.studio.session import Session
from augreg.studio.tokens import token_of

HOST = "127.0.0.1"
KERNELS = "augreg.backends.tensorflow"  # loads while the page is built: TensorFlow takes seconds
PATIENCE = 2  # seconds between a signal and the end
LARGEST_MESSAGE = 2**20  # bytes that a page may send at once; a policy has at most 1,000,000


def serve(options: StudioOptions) -> None:
    """Serves until a signal stops it.

    Raises:
        PolicyError: the policy's file can't be read; what is wrong in it, the page says.
        DataError: there are no such images.
        RunError: the port is taken.
    """
    documents = Documents(options.policy)
    text = documents.read(options.policy)
    pictures, renderer = Pictures(options.images), Renderer()

    @ui.page(PAGE)
    def page() -> None:
        watch_connection()
        query = ui.context.client.request.query_params
        build(_session(query, documents, text, pictures, renderer), documents)

    with _listen(options.port) as listening:
        port = listening.getsockname()[1]
        folder = _token_folder() if options.port else None  # a free port is another next time
        token = token_of(port, folder, options.new_token)
        address = f"http://{HOST}:{port}{PAGE}?token={token}"
        _run(listening, Guard(_application(), port, token), address, options.show)


def _session(
    query: Mapping[str, str],
    documents: Documents,
    text: str,
    pictures: Pictures,
    renderer: Renderer,
) -> Session:
    """The session of an address, with its file as it is now; `text`: of the one at the start."""
    file, fault = query.get("file", documents.given), ""
    try:
        text = documents.read(file)
    except PolicyError as error:
        file, fault = documents.given, str(error)
    session = session_of(query, file, text, pictures, renderer)
    session.elsewhere = file != documents.given
    session.notice = "; ".join(filter(None, [session.notice, fault]))
    return session


class _Server(uvicorn.Server):
    """Ends soon after the first signal, whatever a thread is at: compiling can't be interrupted."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        last = threading.Timer(PATIENCE, os._exit, [128 + sig])
        last.daemon = True
        last.start()


def _run(listening: socket.socket, guarded: Guard, address: str, show: bool) -> None:
    print(f"augreg studio: {address}", flush=True)
    if show and _has_desktop():
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    threading.Thread(target=import_module, args=(KERNELS,), daemon=True).start()
    config = uvicorn.Config(
        guarded,
        log_level="warning",
        timeout_graceful_shutdown=1,
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=False,  # samples are PNGs, and the way is short
    )
    _Server(config).run([listening])


def _has_desktop() -> bool:
    """Whether a browser opens in a window of its own, and not in this terminal."""
    named = any(map(os.environ.get, ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")))
    return named or sys.platform == "darwin"


def _application() -> FastAPI:
    """NiceGUI, without what it offers beside pages."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    nicegui.config.socket_io_js_transports = ["websocket"]  # the guard lets nothing be sent by POST
    ui.run_with(app, title="augreg studio", dark=None, show_welcome_message=False)
    return app


def _listen(port: int) -> socket.socket:
    """A socket that takes connections from now on, so that a browser may come at once."""
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        reason = os.strerror(error.errno or 0)  # without the address, which Python adds
        raise RunError(
            f"port {port} of {HOST} can't be had ({reason}): another studio may have it; "
            "--port 0 takes a free one"
        ) from error


def _token_folder() -> Path | None:
    with suppress(PathError, RuntimeError):
        if folder := default_folder():
            return folder / "studio"
    return None
