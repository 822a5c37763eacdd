"""Sign in with an API key, sign out, and choose light or dark."""

import time
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.console.answering import arrival, console_of
from services.console.forms import local_path, read_form
from services.console.gateway_api import is_away
from services.console.origin import is_ours
from services.console.rendering import THEME_COOKIE, THEMES
from services.console.session import forget, is_https
from services.console.settings import API_KEY
from services.console.visit import View
from shared.client import Problem, ProblemError
from shared.errors import TallygateError

_YEAR_S = 31_536_000
_NO_KEY = Problem("authentication_failed", "That is no API key: it has no spaces and no line breaks.", (), 401)
_NOT_OURS = Problem("permission_denied", "The form did not come from this page; send it from here.", (), 403)


def signing_routes() -> list[Route]:
    return [
        Route("/login", show_sign_in, methods=["GET"]),
        Route("/login", sign_in, methods=["POST"]),
        Route("/logout", sign_out, methods=["POST"]),
        Route("/theme", choose_theme, methods=["POST"]),
    ]


async def show_sign_in(request: Request) -> Response:
    return sign_in_form(request, local_path(request.query_params))


async def sign_in(request: Request) -> Response:
    console = console_of(request)
    if not is_ours(request.headers):
        return sign_in_form(request, "/", _NOT_OURS)
    try:
        fields = await read_form(request)
    except TallygateError as error:
        failed = error.failure
        return sign_in_form(request, "/", Problem(failed.error_type, failed.detail, (), failed.http_status))
    key, path = fields.get("key", "").strip(), local_path(fields)
    if not API_KEY.fullmatch(key):
        return sign_in_form(request, path, _NO_KEY)
    try:
        caller = await console.gateway(key).get("/api/caller")
    except ProblemError as error:
        return sign_in_form(request, path, error.problem)
    response = RedirectResponse(path, 303)
    now = time.time()
    console.sessions.keep(response, console.sessions.begun(key, caller, now), now, secure=is_https(request))
    return response


async def sign_out(request: Request) -> Response:
    if not is_ours(request.headers):
        return console_of(request).problem(request, _NOT_OURS, None)
    response = await _signed_out(request)
    forget(response)
    return response


async def _signed_out(request: Request) -> Response:
    """At the identity provider too: otherwise the next one at this browser would be signed in by a click."""
    console = console_of(request)
    session = console.session(request)
    if session is None or not session.roles or console.provider is None:
        return RedirectResponse("/login", 303)
    try:
        url = await console.provider.sign_out_url()
    except ProblemError as error:
        detail = f"You are signed out here, and perhaps not there. {error.problem.detail}"
        return sign_in_form(request, "/", replace(error.problem, detail=detail))
    if url is None:
        return RedirectResponse("/login", 303)
    # A page sends the browser there, since forms may lead to this console only.
    return console.renderer.response(request, arrival(url, "You are signed out here."), None)


async def choose_theme(request: Request) -> Response:
    if not is_ours(request.headers):
        return console_of(request).problem(request, _NOT_OURS, None)
    try:
        fields = await read_form(request)
    except TallygateError:
        fields = {}
    response = RedirectResponse(local_path(fields), 303)
    if (theme := fields.get("theme")) in THEMES:
        response.set_cookie(THEME_COOKIE, str(theme), max_age=_YEAR_S, samesite="strict", secure=is_https(request))
    return response


def sign_in_form(request: Request, path: str, problem: Problem | None = None) -> Response:
    """path: of ours, where to go afterwards."""
    console = console_of(request)
    status = 200 if problem is None else 503 if is_away(problem) else problem.status or 500
    single = None if console.provider is None else console.provider.settings.name
    view = View("login.html", "Sign in", {"next": path, "problem": problem, "single_sign_on": single}, status)
    return console.renderer.response(request, view, None)
