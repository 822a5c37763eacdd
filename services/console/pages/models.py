"""Models: all that the key sees, one with its health and settings, and the setup of a new one."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.console.forms import read_form
from services.console.gateway_api import Part, is_missing
from services.console.pages.passing import passed_on
from services.console.views.models import change_body, models, probe_body, setup_body
from services.console.views.trials import trials
from services.console.visit import View, Visit
from shared.client import Problem, ProblemError, in_path
from shared.client.requests import CANCELS, CUSTOM_MODELS, MONITORING, SHADOW, SHADOWS
from shared.errors import TallygateError

_PREFIX = "custom:"
_WINDOW = "24h"
_TRIAL_S = 330.0  # a real completion, of a model that may still be loading
_LINES = "application/x-ndjson"


async def show(visit: Visit) -> View:
    listed = await visit.gateway.get("/api/models/list")
    values = {"models": models(listed["models"], visit.query), "query": visit.query}
    return View("models.html", "Models", values, refresh_s=15)


async def show_one(visit: Visit) -> View:
    return await _one(visit, _asked(visit.request))


async def test(visit: Visit) -> View:
    """One real completion, on record like every other."""
    model_id, fields = _asked(visit.request), await read_form(visit.request)
    message = fields.get("message", "").strip()
    path = f"{CUSTOM_MODELS}/{in_path(_name(model_id))}/test"
    try:
        trial = await visit.gateway.ask(
            "POST", path, {"message": message} if message else {}, headers=CANCELS, timeout_s=_TRIAL_S
        )
    except ProblemError as error:
        return await _one(visit, model_id, error.problem)
    return await _one(visit, model_id, trial=trial)


async def change(visit: Visit) -> View | Response:
    model_id, fields = _asked(visit.request), await read_form(visit.request)
    try:
        return await _changed(visit, model_id, fields, change_body(fields))
    except TallygateError as error:
        return await _one(visit, model_id, _as_problem(error))


async def switch(visit: Visit) -> View | Response:
    """Active models are selected; others are kept as they are."""
    model_id, fields = _asked(visit.request), await read_form(visit.request)
    return await _changed(visit, model_id, fields, {"is_active": fields.get("is_active") == "true"})


async def remove(visit: Visit) -> View | Response:
    model_id, fields = _asked(visit.request), await read_form(visit.request)
    own = await _own(visit, model_id)
    if own is None:
        raise ProblemError(_gone(model_id))
    if own["updated_at"] != fields.get("seen"):
        return await _one(visit, model_id, _conflict(model_id))
    await visit.gateway.ask("DELETE", f"{CUSTOM_MODELS}/{in_path(_name(model_id))}")
    return RedirectResponse("/models", 303)


async def show_new(visit: Visit) -> View:
    return await _new(visit, visit.query)


async def probe(visit: Visit) -> View | Response:
    """Step by step for the script; at once, as a page, without it."""
    fields = await read_form(visit.request)
    body = probe_body(fields)
    if _LINES in visit.request.headers.get("accept", ""):
        return await passed_on(visit, "/api/models/probe", body, _LINES)
    try:
        probed = await visit.gateway.ask("POST", "/api/models/probe", body, timeout_s=_TRIAL_S)
    except ProblemError as error:
        return await _new(visit, fields, error.problem)
    return await _new(visit, fields, probed=probed)


async def set_up(visit: Visit) -> View:
    """The gateway probes, has the model answer, and stores it, or stores nothing."""
    fields = await read_form(visit.request)
    try:
        body = setup_body(fields)
    except TallygateError as error:
        return await _new(visit, fields, _as_problem(error))
    try:
        made = await visit.gateway.ask("POST", "/api/models/setup", body, headers=CANCELS, timeout_s=_TRIAL_S)
    except ProblemError as error:
        return await _new(visit, fields, error.problem)
    return View("model_made.html", f"{made['model']['id']} is active", {"made": made})


async def _new(
    visit: Visit, fields: Mapping[str, str], problem: Problem | None = None, probed: dict[str, Any] | None = None
) -> View:
    presets = (await visit.gateway.get("/api/models/presets"))["presets"]
    chosen = next((preset for preset in presets if preset["name"] == fields.get("preset")), None)
    values = {"presets": presets, "chosen": chosen, "fields": fields, "problem": problem, "probed": probed}
    return View("model_new.html", "Set up a model", values, (problem.status or 503) if problem else 200)


async def _one(
    visit: Visit, model_id: str, problem: Problem | None = None, *, trial: dict[str, Any] | None = None
) -> View:
    """The page of a model, after what was tried with it. Raises ProblemError (404) when it is gone."""
    gateway, of_model = visit.gateway, {"model": model_id}
    listed, own, summary, health, shadow, shadows = await asyncio.gather(
        gateway.get("/api/models/list"),
        _own(visit, model_id),
        gateway.part(MONITORING, of_model | {"window": _WINDOW}),
        gateway.part("/api/monitoring/health", of_model | {"window": "7d"}),
        gateway.part(SHADOW),
        gateway.part(SHADOWS, {"window": "7d"}),
    )
    found = next((model for model in listed["models"] if model["id"] == model_id), None)
    if found is None and own is None:
        raise ProblemError(problem or _gone(model_id))
    values = {
        "model_id": model_id,
        "model": found,
        "own": own,
        "summary": summary,
        "trials": trials(model_id, shadow.body, shadows.body),
        "health": None if health.problem and is_missing(health.problem) else health,
        "problem": problem,
        "trial": trial,
        "window": _WINDOW,
    }
    return View("model.html", model_id, values, (problem.status or 503) if problem else 200)


async def _own(visit: Visit, model_id: str) -> dict[str, Any] | None:
    """A custom model as it is stored; None for one of a provider, or that is gone."""
    if not model_id.startswith(_PREFIX):
        return None
    part: Part = await visit.gateway.part(f"{CUSTOM_MODELS}/{in_path(_name(model_id))}")
    stored: dict[str, Any] | None = part.body
    return stored


async def _changed(visit: Visit, model_id: str, fields: Mapping[str, str], body: dict[str, Any]) -> View | Response:
    """Nothing when the model is another than the form was made from. Raises ProblemError when it is gone."""
    seen = {"if_updated_at": fields.get("seen", "")}
    try:
        await visit.gateway.ask("PATCH", f"{CUSTOM_MODELS}/{in_path(_name(model_id))}", body | seen)
    except ProblemError as error:
        if error.problem.status == 404:
            raise ProblemError(_gone(model_id)) from None
        return await _one(visit, model_id, _conflict(model_id) if error.problem.status == 409 else error.problem)
    return RedirectResponse(_path(model_id), 303)


def _conflict(model_id: str) -> Problem:
    detail = f"{model_id} was changed by somebody else since you opened its page. Nothing of yours was stored."
    tips = ("This page shows it as it is now: look at it, and send your change again.", "Changes says who it was.")
    return Problem("invalid_request", detail, tips, 409)


def _gone(model_id: str) -> Problem:
    tips = ("It may have been removed meanwhile: Changes says by whom.", "Models lists those that there are.")
    return Problem("model_not_found", f"There is no model {model_id}.", tips, 404)


def _as_problem(error: TallygateError) -> Problem:
    failed = error.failure
    return Problem(failed.error_type, failed.detail, tuple(failed.tips), failed.http_status)


def _asked(request: Request) -> str:
    model_id: str = request.path_params["model_id"]
    return model_id


def _name(model_id: str) -> str:
    return model_id.removeprefix(_PREFIX)


def _path(model_id: str) -> str:
    return f"/models/{in_path(model_id)}"
