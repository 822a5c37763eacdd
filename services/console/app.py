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
from services.console.oidc.provider import Provider
from services.console.pages import PAGES
from services.console.rendering import Renderer, environment
from services.console.session import Sessions
from services.console.settings import ConsoleSettings
from services.console.signing import signing_routes
from services.console.single_sign_on import single_sign_on_routes
from services.console.static_files import StaticFiles
from services.console.visit import Page
from shared.telemetry.health import health_routes


def make_app(settings: ConsoleSettings, pages: Sequence[Page] = PAGES) -> Starlette:
    files = StaticFiles.of_the_package()
    provider = Provider(settings.oidc) if settings.oidc.issuer else None
    handlers: dict[Any, Any] = {HTTPException: on_http_exception, Exception: on_anything_else}
    app = Starlette(
        routes=[
            *health_routes("console"),
            files.route(),
            *signing_routes(),
            *(single_sign_on_routes(provider) if provider else ()),
            *(make_route(route) for page in pages for route in page.routes),
        ],
        lifespan=_lifespan,
        exception_handlers=handlers,
        middleware=[Middleware(HeadersMiddleware)],
    )
    app.state.settings = settings
    app.state.sessions = Sessions(settings.sealing.key_ring(), settings.session_s, settings.oidc.role_keys())
    app.state.provider = provider
    app.state.renderer = Renderer(environment(files), pages)
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    settings: ConsoleSettings = app.state.settings
    async with open_session(settings.gateway_timeout_s) as http:
        console = Console(app.state.renderer, app.state.sessions, http, settings.gateway_url, app.state.provider)
        app.state.console = console
        app.state.checks = {}  # without the gateway it can still say that the gateway is away
        app.state.notes = lambda: {"gateway": console.last_problem} if console.last_problem else {}
        yield
