"""Wiring of the console."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from services.console.answering import Console, make_route, on_anything_else, on_http_exception
from services.console.gateway_api import open_session
from services.console.headers import HeadersMiddleware
from services.console.pages import PAGES
from services.console.rendering import Renderer, environment
from services.console.session import Sessions
from services.console.settings import ConsoleSettings
from services.console.signing import signing_routes
from services.console.static_files import StaticFiles
from services.console.visit import Page
from shared.telemetry.health import health_routes


def make_app(settings: ConsoleSettings, pages: Sequence[Page] = PAGES) -> Starlette:
    files = StaticFiles.of_the_package()
    handlers: dict[Any, Any] = {HTTPException: on_http_exception, Exception: on_anything_else}
    app = Starlette(
        routes=[
            *health_routes("console"),
            files.route(),
            *signing_routes(),
            *(make_route(route) for page in pages for route in page.routes),
        ],
        lifespan=_lifespan,
        exception_handlers=handlers,
        middleware=[Middleware(HeadersMiddleware)],
    )
    app.state.settings = settings
    app.state.renderer = Renderer(environment(files), pages)
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    settings: ConsoleSettings = app.state.settings
    sessions = Sessions(settings.sealing.key_ring(), settings.session_s)
    async with open_session(settings.gateway_timeout_s) as http:
        console = Console(app.state.renderer, sessions, http, settings.gateway_url)
        app.state.console = console
        app.state.checks = {}  # without the gateway it can still say that the gateway is away
        app.state.notes = lambda: {"gateway": console.last_problem} if console.last_problem else {}
        yield
