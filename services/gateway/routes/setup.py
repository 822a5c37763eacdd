"""Getting a model to work: presets, probing an endpoint, setting a model up, and testing one that is there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from services.gateway.answers.models import Presets, ProbeAnswer, SetupAnswer, TestAnswer
from services.gateway.bodies import parsed
from services.gateway.edge import error_response, inference_headers, json_response
from services.gateway.gateway import gateway_of
from services.gateway.headers import headers_of
from services.gateway.inference.completing import Sent
from services.gateway.models.custom_models import model_name_of
from services.gateway.models.probe import Probed, Target, probe
from services.gateway.models.probe_steps import Step
from services.gateway.models.schemas import ModelProbe, ModelSetup, ModelTest
from services.gateway.models.setup import IdTakenError, target_of
from services.gateway.models.trial import Question, TrialFailedError
from services.gateway.routes.documented import LINES, documented
from services.gateway.routes.models import already_there, not_found, shown_model
from shared.access import Caller
from shared.guard import Guard
from shared.registry.definition import PROTOCOLS
from shared.registry.models import CUSTOM_PREFIX
from shared.registry.presets import PRESETS, Preset

router = APIRouter(tags=["models"])

_LINES = "application/x-ndjson"


@router.get("/api/models/presets")
@documented(gives=Presets)
async def presets(request: Request) -> Response:
    """Where well-known model servers and providers are."""
    await gateway_of(request).caller(request, "models")
    return json_response({"presets": [_preset(preset) for preset in PRESETS]})


@router.post("/api/models/probe")
@documented(takes=ModelProbe, gives=ProbeAnswer, streams=(LINES,))
async def probe_endpoint(request: Request) -> Response:
    """Whether an endpoint can be used, step by step, and its models. Asks for no completion; a failed step is data.

    With `accept: application/x-ndjson` each step is sent as it ends, a line each; the last line is the whole answer.
    """
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models")
    body = await gateway.body(request, caller, ModelProbe)
    target = target_of(body, body.model)
    with ExitStack() as place:
        place.enter_context(gateway.probe_limit.place(caller.tenant_id))
        if _LINES not in request.headers.get("accept", ""):
            return json_response(_probed(await probe(gateway.guard, target)))
        return StreamingResponse(_live_lines(gateway.guard, target, place.pop_all()), media_type=_LINES)


@router.post("/api/models/setup")
@documented(infers="made", takes=ModelSetup, gives=SetupAnswer, status=201, fails=(409,))
async def set_model_up(request: Request) -> Response:
    """Probes the endpoint, has the model answer, and stores it; when a step fails, nothing is stored.

    `filled_in` names the fields that were left out and are known, each with its source: the endpoint, or genai-prices.
    """
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models")
    with gateway.completing.let_in(caller, headers_of(request.scope)):
        return await _set_up(request, caller, await gateway.sent(request, caller))


async def _set_up(request: Request, caller: Caller, sent: Sent) -> Response:
    gateway, body = gateway_of(request), parsed(ModelSetup, sent.body)
    question = Question(caller, sent, CUSTOM_PREFIX + body.model_id, ModelTest().message)
    try:
        trial, filled_in = await gateway.setups.set_up(question, body)
    except IdTakenError:
        raise already_there(body.model_id) from None
    except TrialFailedError as error:
        return _failed(request, error)
    model = await shown_model(request, caller.tenant_id, body.model_id)
    shown = {"model": model, "filled_in": filled_in, **trial.shown()}
    return json_response(shown, 201, inference_headers(trial.answer))


@router.post("/api/models/custom/{model_id}/test")
@documented(infers="made", takes=ModelTest, gives=TestAnswer)
async def test_model(request: Request, model_id: str) -> Response:
    """One real completion by this model alone, active or not, on record like every other."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models")
    with gateway.completing.let_in(caller, headers_of(request.scope)):
        return await _tested(request, caller, await gateway.sent(request, caller), model_id)


async def _tested(request: Request, caller: Caller, sent: Sent, model_id: str) -> Response:
    gateway, test = gateway_of(request), parsed(ModelTest, sent.body)
    row = await gateway.custom_models.model(caller.tenant_id, model_name_of(model_id))
    if row is None:
        raise not_found(model_id)
    question = Question(caller, sent, CUSTOM_PREFIX + row["model_id"], test.message)
    try:
        trial = await gateway.setups.try_stored(question, row)
    except TrialFailedError as error:
        return _failed(request, error)
    body = {"ok": True, "model": trial.answer.model, **trial.shown()}
    return json_response(body, 200, inference_headers(trial.answer))


def _live_lines(guard: Guard, target: Target, place: ExitStack) -> AsyncIterator[bytes]:
    """The probe begins at once and gives its place back when it ends, also when the response is never read."""
    steps: asyncio.Queue[Step | None] = asyncio.Queue()
    task = asyncio.create_task(probe(guard, target, steps.put_nowait))
    task.add_done_callback(lambda _: steps.put_nowait(None))
    task.add_done_callback(lambda _: place.close())
    return _lines(task, steps)


async def _lines(task: "asyncio.Task[Probed]", steps: "asyncio.Queue[Step | None]") -> AsyncIterator[bytes]:
    try:
        while (step := await steps.get()) is not None:
            yield orjson.dumps(step.shown()) + b"\n"
        yield orjson.dumps(_probed(await task)) + b"\n"
    finally:
        task.cancel()


def _failed(request: Request, error: TrialFailedError) -> Response:
    return error_response(request, error.failure, error.cause, steps=[step.shown() for step in error.steps])


def _preset(preset: Preset) -> dict[str, Any]:
    fields = preset._asdict()
    return fields | {"provider": PROTOCOLS[fields.pop("wire_format")]}


def _probed(probed: Probed) -> dict[str, Any]:
    return {
        "ok": probed.failure is None,
        "provider": PROTOCOLS[probed.wire_format],
        "provider_assumed": probed.assumed,
        "steps": [step.shown() for step in probed.steps],
        "models": [model._asdict() for model in probed.models],
        "context_window": probed.context_window,
    }
