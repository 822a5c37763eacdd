"""Batches: how far each is and what it costs so far, and of one its life, its files and its end."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.console.views.batches import STATES, batch_of, costs, life, since, wanted
from services.console.visit import View, Visit
from shared.client import Problem, ProblemError, in_path
from shared.client.requests import BATCHES, SPENT_BY_SESSION

_SHOWN = "50"
_SOON_S, _LATER_S = 3, 15  # until the page looks again: while something goes on, and otherwise


async def show(visit: Visit) -> View:
    state = wanted(visit.query.get("state"))
    query = {"limit": _SHOWN, "status": state, "after": visit.query.get("after")}
    listed = await visit.gateway.get(BATCHES, query)
    spent, now = await _costs(visit, listed["data"]), datetime.now(UTC)
    batches = [batch_of(told, spent, now) for told in listed["data"]]
    values = {
        "batches": batches,
        "state": state,
        "states": STATES,
        "after": visit.query.get("after"),
        "older": listed["last_id"] if listed["has_more"] else None,
    }
    refresh_s = _LATER_S if all(batch.ended for batch in batches) else _SOON_S
    return View("batches.html", "Batches and jobs", values, refresh_s=refresh_s)


async def show_one(visit: Visit) -> View:
    return await _one(visit)


async def cancel(visit: Visit) -> View | Response:
    batch_id = _asked(visit.request)
    try:
        await visit.gateway.ask("POST", f"{_path(batch_id)}/cancel")
    except ProblemError as error:
        return await _one(visit, error.problem)
    return RedirectResponse(f"/batches/{in_path(batch_id)}", 303)


async def _one(visit: Visit, problem: Problem | None = None) -> View:
    """As it is now, after what was tried with it."""
    told = await visit.gateway.get(_path(_asked(visit.request)))
    batch = batch_of(told, await _costs(visit, [told]), datetime.now(UTC))
    values = {"batch": batch, "life": life(told), "problem": problem}
    refresh_s = None if batch.ended or problem else _SOON_S
    return View("batch.html", "Batch", values, (problem.status or 503) if problem else 200, refresh_s)


async def _costs(visit: Visit, batches: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """By session, of those batches; nothing for a key that may not see what is spent."""
    if not batches or not visit.session.may("monitor"):
        return {}
    return costs((await visit.gateway.part(SPENT_BY_SESSION, {"from": since(batches)})).body)


def _asked(request: Request) -> str:
    batch_id: str = request.path_params["batch_id"]
    return batch_id


def _path(batch_id: str) -> str:
    return f"{BATCHES}/{in_path(batch_id)}"
