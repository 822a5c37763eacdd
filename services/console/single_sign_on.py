"""Sign in by the identity provider, and change between one's roles."""

import secrets
import time

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.console.answering import Console, arrival, console_of, make_route
from services.console.forms import local_path, read_form
from services.console.gateway_api import is_away
from services.console.oidc import begun as cookie
from services.console.oidc.begun import Begun
from services.console.oidc.provider import CALLBACK, Person, Provider, refused
from services.console.oidc.roles import in_words, roles_of, values_of
from services.console.session import Session, is_https
from services.console.signing import sign_in_form
from services.console.visit import Visit, post
from shared.client import Problem, ProblemError
from shared.errors import TallygateError

logger = structlog.get_logger(__name__)

_BEGIN = "/login/oidc"
_PATH_CHARS = 2000  # more does not go into a cookie
_NOT_BEGUN = Problem(
    "authentication_failed",
    "This sign-in was not begun in this browser, was begun anew in another window, or is more than ten minutes old.",
    ("Begin again with the button below.", "Operators: TALLYGATE_CONSOLE_URL must be the address that people use."),
    400,
)


def single_sign_on_routes(provider: Provider) -> list[Route]:
    async def begin(request: Request) -> Response:
        return await _begin(request, provider)

    async def finish(request: Request) -> Response:
        return await _finish(request, provider)

    return [
        Route(_BEGIN, begin, methods=["GET"]),
        Route(CALLBACK, finish, methods=["GET"]),
        make_route(post("/role", change_role)),
    ]


async def _begin(request: Request, provider: Provider) -> Response:
    path = local_path(request.query_params)
    try:
        url, begun = await provider.begin(path if len(path) <= _PATH_CHARS else "/")
    except ProblemError as error:
        return _failed(request, path, error.problem)
    response = RedirectResponse(url, 303)
    cookie.keep(response, console_of(request).sessions.ring, begun, path=_BEGIN, secure=is_https(request))
    return response


async def _finish(request: Request, provider: Provider) -> Response:
    """A sign-in that was begun can be finished once, however it ends."""
    console = console_of(request)
    begun = cookie.begun_in(request, console.sessions.ring, time.time())
    given = request.query_params
    if begun is None or not secrets.compare_digest(begun.state.encode(), given.get("state", "").encode()):
        return _failed(request, "/", _NOT_BEGUN)
    try:
        response = await _signed_in(request, console, provider, begun)
    except ProblemError as error:
        response = _failed(request, begun.path, error.problem)
    cookie.forget(response, path=_BEGIN)
    return response


async def _signed_in(request: Request, console: Console, provider: Provider, begun: Begun) -> Response:
    given = request.query_params
    if "code" not in given:
        raise ProblemError(refused(given.get("error", "it gave no code"), given.get("error_description", "")))
    person = await provider.finish(begun, given["code"])
    roles = _roles(console, provider, person)
    session = await _session(console, roles, person.name, person.expires_at)
    logger.info("person.signed_in", subject=person.subject, role=roles[0], tenant=session.tenant, key_id=session.key_id)
    # The browser comes from another site, whose redirects have no Strict cookie: a page of ours sends it on.
    response = console.renderer.response(request, arrival(begun.path, f"You are signed in as {person.name}."), None)
    _keep(request, console, response, session)
    return response


def _roles(console: Console, provider: Provider, person: Person) -> tuple[str, ...]:
    values = values_of(person.roles_claim)
    roles = roles_of(values, console.sessions.role_keys)
    if roles:
        return roles
    claim = provider.settings.roles_claim
    logger.warning("person.has_no_role", subject=person.subject, claim=claim, values=len(values))
    there = f"holds {in_words(values)}" if person.roles_claim is not None else "is not there"
    detail = (
        f"The identity provider knows you as {person.name}, but gives you no role here. The claim {claim} was looked "
        f"for in {person.looked_at}: it {there}."
    )
    tip = (
        f"Operators: the values of {claim} that are a role here are the names in TALLYGATE_CONSOLE_OIDC_ROLES; "
        "TALLYGATE_CONSOLE_OIDC_ROLES_CLAIM says which claim it is."
    )
    tips = ("Ask whoever runs this console for a role.", tip)
    raise ProblemError(Problem("permission_denied", detail, tips, 403))


async def _session(console: Console, roles: tuple[str, ...], person: str, expires_at: float) -> Session:
    """roles: with the one to use first. Never longer than the provider's word or than a sign-in by key."""
    role = roles[0]
    key = console.sessions.role_keys[role]
    try:
        caller = await console.gateway(key).get("/api/caller")
    except ProblemError as error:
        if error.problem.status != 401:
            raise
        tip = (
            "Operators: TALLYGATE_CONSOLE_OIDC_ROLES names its file; make another: tallygate keys create --tenant NAME"
        )
        detail = f"The gateway does not accept the API key of the role {role}: {error.problem.detail}"
        logger.warning("role.key_not_accepted", role=role)
        raise ProblemError(Problem("permission_denied", detail, (tip,), 403)) from None
    session = console.sessions.begun(key, caller, time.time())
    return session.model_copy(
        update={"roles": roles, "person": person, "expires_at": min(session.expires_at, expires_at)}
    )


async def change_role(visit: Visit) -> Response:
    """The session stays as long as it would have been."""
    console, session = console_of(visit.request), visit.session
    role = (await read_form(visit.request)).get("role", "")
    if role not in session.roles:
        raise TallygateError("permission_denied", f"you do not have the role {role}", http_status=403, tips=())
    others = tuple(other for other in console.sessions.role_keys if other in session.roles and other != role)
    changed = await _session(console, (role, *others), session.person, session.expires_at)
    response = RedirectResponse("/", 303)
    _keep(visit.request, console, response, changed)
    return response


def _keep(request: Request, console: Console, response: Response, session: Session) -> None:
    console.sessions.keep(response, session, time.time(), secure=is_https(request))


def _failed(request: Request, path: str, problem: Problem) -> Response:
    if is_away(problem):
        logger.warning("identity_provider.away", detail=problem.detail)
    elif problem.status != 403:  # which was logged without what the claims hold
        logger.warning("person.not_signed_in", error_type=problem.error_type, detail=problem.detail)
    return sign_in_form(request, path, problem)
