"""Webhooks: where the tenant is told of events, and what became of each delivery."""

import asyncio
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.console.forms import read_form
from services.console.views.webhooks import WORDS, add_body, wanted
from services.console.visit import View, Visit
from shared.client import Problem, ProblemError, in_path
from shared.client.requests import WEBHOOKS

_PAGE = "/webhooks"
_SHOWN = "50"
_SOON_S, _LATER_S = 2, 10  # until the page of a webhook looks again: while something shown waits, and otherwise


async def show(visit: Visit) -> View:
    return await _all(visit, {})


async def add(visit: Visit) -> View:
    """Its page is the only one that ever shows the secret."""
    fields = await read_form(visit.request)
    try:
        made = await visit.gateway.ask("POST", WEBHOOKS, add_body(fields))
    except ProblemError as error:
        return await _all(visit, fields, error.problem)
    return _secret(made["id"], "A new webhook", made)


async def show_one(visit: Visit) -> View:
    return await _one(visit)


async def test(visit: Visit) -> View | Response:
    return await _done(visit, "POST", "/test")


async def redeliver(visit: Visit) -> View | Response:
    return await _done(visit, "POST", f"/deliveries/{in_path(visit.request.path_params['delivery_id'])}/redeliver")


async def switch(visit: Visit) -> View | Response:
    """What waited for one that is enabled again is sent."""
    fields = await read_form(visit.request)
    return await _done(visit, "PATCH", "", {"enabled": fields.get("enabled") == "true"})


async def rotate(visit: Visit) -> View:
    try:
        made = await visit.gateway.ask("POST", f"{_path(visit.request)}/rotate-secret")
    except ProblemError as error:
        return await _one(visit, error.problem)
    return _secret(made["id"], "A new secret", made)


async def remove(visit: Visit) -> Response:
    await visit.gateway.ask("DELETE", _path(visit.request))
    return RedirectResponse(_PAGE, 303)


async def _all(visit: Visit, fields: Mapping[str, str], problem: Problem | None = None) -> View:
    listed = await visit.gateway.get(WEBHOOKS)
    values = {"webhooks": listed["webhooks"], "words": WORDS, "fields": fields, "problem": problem}
    return View("webhooks.html", "Webhooks", values, _status(problem))


async def _one(visit: Visit, problem: Problem | None = None) -> View:
    """As it is now, after what was tried with it."""
    path = _path(visit.request)
    query = visit.query if visit.request.method == "GET" else {}
    state = wanted(query.get("state"))
    asked = {"limit": _SHOWN, "state": state, "cursor": query.get("cursor")}
    hook, listed = await asyncio.gather(visit.gateway.get(path), visit.gateway.get(f"{path}/deliveries", asked))
    values = {"hook": hook, "deliveries": listed["items"], "next": listed["next_cursor"], "query": query}
    values |= {"state_wanted": state, "problem": problem}
    refresh_s = None if problem else _SOON_S if any(one["state"] == "waiting" for one in listed["items"]) else _LATER_S
    return View("webhook.html", hook["name"] or hook["url"], values, _status(problem), refresh_s)


def _secret(webhook_id: str, title: str, made: Mapping[str, object]) -> View:
    values = {"title": title, "id": webhook_id, "secret": made["secret"], "until": made["old_secret_until"]}
    return View("webhook_secret.html", title, values)


async def _done(visit: Visit, method: str, below: str, body: object = None) -> View | Response:
    """Back to the page of the webhook; with what is wrong, when it could not be done."""
    try:
        await visit.gateway.ask(method, _path(visit.request) + below, body)
    except ProblemError as error:
        return await _one(visit, error.problem)
    return RedirectResponse(f"{_PAGE}/{in_path(visit.request.path_params['webhook_id'])}", 303)


def _path(request: Request) -> str:
    return f"{WEBHOOKS}/{in_path(request.path_params['webhook_id'])}"


def _status(problem: Problem | None) -> int:
    return 200 if problem is None else problem.status or 503
