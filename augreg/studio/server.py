"""Serves the studio on 127.0.0.1."""

from __future__ import annotations

import secrets
import webbrowser

import uvicorn
from fastapi import FastAPI
from nicegui import ui

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
    address = f"http://{HOST}:{options.port}/?token={token}"
    print(f"augreg studio: {address}", flush=True)
    if options.show:
        webbrowser.open(address)
    guarded = Guard(app, options.port, token)
    guarded_config = uvicorn.Config(guarded, HOST, options.port, log_level="warning")
    uvicorn.Server(guarded_config).run()
