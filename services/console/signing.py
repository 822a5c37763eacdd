"""Sign in with an API key, sign out, and choose light or dark."""

import re
import time

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.console.answering import console_of
from services.console.forms import local_path, read_form
from services.console.gateway_api import is_away
from services.console.origin import is_ours
from services.console.rendering import THEME_COOKIE, THEMES
from services.console.session import forget, is_https
from services.console.visit import View
from shared.client import Problem, ProblemError
from shared.errors import TallygateError

_KEY = re.compile(r"[\x21-\x7e]{1,500}")  # what a header can carry
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
    return _form(request, local_path(request.query_params))


async def sign_in(request: Request) -> Response:
    console = console_of(request)
    if not is_ours(request.headers):
        return _form(request, "/", _NOT_OURS)
    try:
        fields = await read_form(request)
    except TallygateError as error:
        failed = error.failure
        return _form(request, "/", Problem(failed.error_type, failed.detail, (), failed.http_status))
    key, path = fields.get("key", "").strip(), local_path(fields)
    if not _KEY.fullmatch(key):
        return _form(request, path, _NO_KEY)
    try:
        caller = await console.gateway(key).get("/api/caller")
    except ProblemError as error:
        return _form(request, path, error.problem)
    response = RedirectResponse(path, 303)
    session = console.sessions.begun(key, caller, time.time())
    console.sessions.keep(response, session, secure=is_https(request))
    return response


async def sign_out(request: Request) -> Response:
    if not is_ours(request.headers):
        return console_of(request).problem(request, _NOT_OURS, None)
    response = RedirectResponse("/login", 303)
    forget(response)
    return response


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


def _form(request: Request, path: str, problem: Problem | None = None) -> Response:
    status = 200 if problem is None else 503 if is_away(problem) else problem.status or 500
    view = View("login.html", "Sign in", {"next": path, "problem": problem}, status)
    return console_of(request).renderer.response(request, view, None)
