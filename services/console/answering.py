"""From a request to a page: who asks, whether it may change something, and what to show when the gateway refuses."""

import time
from collections.abc import Mapping
from urllib.parse import urlencode

import aiohttp
import structlog
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.console.gateway_api import GatewayApi, is_away, is_missing
from services.console.oidc.provider import Provider
from services.console.origin import is_ours
from services.console.rendering import Renderer, here
from services.console.session import Session, Sessions, forget
from services.console.visit import PageRoute, View, Visit
from shared.client import Problem, ProblemError
from shared.errors import TallygateError

logger = structlog.get_logger(__name__)

_RETRY_S = 5
_NOT_OURS = Problem(
    "permission_denied",
    "The request did not come from a page of this console.",
    ("Open the page here, and send its form again.", "Proxies must pass the header host on as the browser sent it."),
    403,
)


class Console:
    """What the answers of one console share."""

    def __init__(
        self, renderer: Renderer, sessions: Sessions, http: aiohttp.ClientSession, gateway_url: str,
        provider: Provider | None,
    ) -> None:  # fmt: skip
        self.renderer = renderer
        self.sessions = sessions
        self.provider = provider  # of identities
        self._http = http
        self._gateway_url = gateway_url
        self.last_problem: str | None = None  # of the last that was asked of the gateway

    def gateway(self, key: str, person: str = "") -> GatewayApi:
        return GatewayApi(self._http, self._gateway_url, key, person)

    def session(self, request: Request) -> Session | None:
        return self.sessions.of(request, time.time())

    def problem(self, request: Request, problem: Problem, session: Session | None) -> Response:
        self.last_problem = problem.detail if is_away(problem) else None
        return self.renderer.response(request, problem_view(problem, sent=request.method == "POST"), session)


def console_of(request: Request) -> Console:
    console: Console = request.app.state.console
    return console


def make_route(route: PageRoute) -> Route:
    async def answer(request: Request) -> Response:
        console = console_of(request)
        session = console.session(request)
        if session is None and follows_a_link_of_others(request):
            return console.renderer.response(
                request, arrival(here(request), "You came by a link of another site."), None
            )
        if session is None:
            return to_sign_in(request)
        if route.method == "POST" and not is_ours(request.headers):
            return console.problem(request, _NOT_OURS, session)
        try:
            result = await route.handler(Visit(request, session, console.gateway(session.key, session.person)))
        except ProblemError as error:
            if error.problem.status == 401:
                return to_sign_in(request)
            return console.problem(request, error.problem, session)
        except TallygateError as error:
            failed = error.failure
            problem = Problem(failed.error_type, failed.detail, tuple(failed.tips), failed.http_status)
            return console.problem(request, problem, session)
        console.last_problem = None
        return console.renderer.response(request, result, session) if isinstance(result, View) else result

    return Route(route.path, answer, methods=[route.method])


def arrival(path: str, words: str) -> View:
    """A page that goes on to another by itself: the browser then knows that it was sent there by us."""
    return View("arrival.html", "One moment", {"to": path, "words": words})


def problem_view(problem: Problem, *, sent: bool = False) -> View:
    """The page that says what is wrong; of what may pass, it looks by itself whether it has. sent: of a form, which
    is nothing to be asked for again."""
    away = is_away(problem)
    title = "The gateway is away" if problem.status is None else _TITLES.get(problem.status, "It did not work")
    if is_missing(problem):
        title = "This gateway cannot do that yet"
        tips: tuple[str, ...] = ("Operators: bring gateway and monitor to the version of this console.",)
        problem = Problem(problem.error_type, problem.detail, tips, 404)
    status = 503 if away else problem.status or 500
    values = {"problem": problem, "away": away, "sent": sent}
    return View("problem.html", title, values, status, _RETRY_S if away and not sent else None)


_TITLES: Mapping[int, str] = {
    400: "That cannot be read",
    403: "Your key may not do this",
    404: "Not found",
    409: "It has changed meanwhile",
    429: "Too many requests",
    502: "Not at the moment",
    503: "Not at the moment",
    504: "Not at the moment",
}


def follows_a_link_of_others(request: Request) -> bool:
    """Then the browser keeps our cookie back (SameSite=Strict). A page of ours that asks again is given it."""
    return request.method == "GET" and request.headers.get("sec-fetch-site") in ("cross-site", "same-site")


def to_sign_in(request: Request) -> Response:
    """htmx follows a redirect by itself and would put the sign-in into a part of the page: it is told to go there."""
    path = here(request)
    where = "/login" + ("" if path == "/" else f"?{urlencode({'next': path})}")
    if request.headers.get("hx-request"):
        response = Response(status_code=204, headers={"hx-redirect": where})
    else:
        response = RedirectResponse(where, 303)
    forget(response)
    return response


async def on_http_exception(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = f"There is no {request.url.path} here." if status == 404 else f"{request.url.path}: {error}"
    console = console_of(request)
    problem = Problem("invalid_request", detail, ("The pages are in the navigation.",), status)
    response = console.problem(request, problem, console.session(request))
    if isinstance(error, HTTPException) and error.headers:
        MutableHeaders(raw=response.raw_headers).update(error.headers)
    return response


async def on_anything_else(request: Request, error: Exception) -> Response:
    logger.error("request.failed", path=request.url.path, exc_info=error)
    console = console_of(request)
    problem = Problem("internal", "The console failed; its log says why.", (), 500)
    return console.problem(request, problem, console.session(request))
