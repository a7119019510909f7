"""Serves the studio on 127.0.0.1."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI, Response
from nicegui import app as nicegui
from nicegui import core, ui

from augreg.compilation_cache import default_folder
from augreg.errors import AugregError, PathError, RunError
from augreg.images import one_line
from augreg.studio.documents import Documents
from augreg.studio.door.connection import watch_connection
from augreg.studio.door.guard import PAGE, SMALL, Guard
from augreg.studio.door.tokens import token_of
from augreg.studio.elements.style import styled
from augreg.studio.images.pictures import Pictures
from augreg.studio.latest import in_thread
from augreg.studio.opening import open_session
from augreg.studio.options import StudioOptions
from augreg.studio.page import build
from augreg.studio.samples.renderer import Renderer

HOST = "127.0.0.1"
THREADS = 6  # that work for all tabs
SILENCE = 30  # seconds that a busy studio may not answer before a page takes it for gone
ABSENCE = 4  # seconds that the state of a closed tab is kept; its address has what matters
PATIENCE = 2  # seconds between a signal and the end
LARGEST_MESSAGE = 2**20  # bytes that a page may send at once; a policy has at most 1,000,000


def serve(options: StudioOptions) -> None:
    """Serves until a signal ends the process, with 130 or 143 as its exit code.

    Raises:
        PolicyError: the policy's file can't be read; what is wrong in it, the page says.
        RunError: the port is taken.
    """
    try:
        with _listen(options.port) as listening:
            _serve(options, listening)
    except BaseException as stop:
        if isinstance(stop, Exception):
            raise
        # A signal. Python would wait for threads, and compiling can't be interrupted.
        os._exit(128 + (signal.SIGINT if isinstance(stop, KeyboardInterrupt) else signal.SIGTERM))


def _serve(options: StudioOptions, listening: socket.socket) -> None:
    documents = Documents(options.policy)
    images, renderer = _opening(options), Renderer()

    @ui.page(PAGE, reconnect_timeout=ABSENCE)
    async def page() -> None:
        watch_connection()
        query = ui.context.client.request.query_params
        if images.done():
            build(open_session(query, documents, images.result(), renderer), documents)
        else:
            await _wait(images, options.images)

    port = listening.getsockname()[1]
    folder = _token_folder() if options.port else None  # a free port is another next time
    token = token_of(port, folder, options.new_token)
    address = f"http://{HOST}:{port}{PAGE}?token={token}"
    print(f"augreg studio: {address}", flush=True)
    if options.show and _has_desktop():
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    config = uvicorn.Config(
        Guard(_application(images), port, token),
        log_level="warning",
        timeout_graceful_shutdown=1,
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=False,  # samples are PNGs, and the way is short
    )
    _Server(config).run([listening])


def _opening(options: StudioOptions) -> Future[Pictures]:
    opener = ThreadPoolExecutor(1)
    images = opener.submit(Pictures, options.images, options.data_dir)
    opener.shutdown(wait=False)
    return images


async def _wait(images: Future[Pictures], given: Sequence[str]) -> None:
    """A page that becomes the page proper, once the images are there."""
    styled()
    what = ", ".join(map(one_line, given)) or "the images"
    ui.label(f"Opening {what} ...").classes("opening").props("role=status")
    await ui.context.client.connected()
    await asyncio.wait([asyncio.wrap_future(images)])
    ui.navigate.reload()


class _Server(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        last = threading.Timer(PATIENCE, os._exit, [128 + sig])  # asyncio waits for threads, too
        last.daemon = True
        last.start()


def _has_desktop() -> bool:
    """Whether a browser opens in a window of its own, and not in this terminal."""
    named = any(map(os.environ.get, ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")))
    return named or sys.platform == "darwin"


def _application(images: Future[Pictures]) -> FastAPI:
    """NiceGUI, without what it offers beside pages; and small images."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get(SMALL + "{index}.jpg")
    async def small(index: int) -> Response:
        try:
            contents = await in_thread(lambda: images.result().small(index))
            return Response(contents, media_type="image/jpeg")
        except AugregError as error:
            return Response(str(error), 404, media_type="text/plain")

    nicegui.on_startup(_few_threads)
    nicegui.on_startup(_patient)
    nicegui.config.socket_io_js_transports = ["websocket"]  # the guard lets nothing be sent by POST
    ui.run_with(app, title="augreg studio", dark=None, show_welcome_message=False)
    return app


def _patient() -> None:
    """A page is not told that its studio is gone while a program is compiled on a busy machine."""
    core.sio.eio.ping_timeout = SILENCE


def _few_threads() -> None:
    """However many tabs there are: a thread that makes samples takes hundreds of megabytes."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "studio"))


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
