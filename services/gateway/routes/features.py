"""Feature generation: a job is taken in, watched, cancelled, and its result fetched."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from services.gateway.answers.features import Feature, FeatureAccepted, FeatureCancelling, Features, Workers
from services.gateway.bodies import parsed, validated
from services.gateway.edge import json_response, traceparent, when_answered
from services.gateway.feature_jobs.jobs import check_body, shown
from services.gateway.feature_jobs.schemas import FeatureBody, FeaturesQuery
from services.gateway.gateway import Gateway, gateway_of
from services.gateway.routes.documented import EVENTS, documented
from shared.access import Caller
from shared.errors import Failure, TallygateError
from shared.events import FeatureCancelRequested
from shared.events.feature import DEFAULT_FEATURE_DEADLINE_S
from shared.events.topics import FEATURE_CANCELLATIONS
from shared.kafka.publisher import Outgoing

router = APIRouter(tags=["features"])

_PING_EVERY_S = 15.0
_GRACE_S = 20.0  # after the deadline: when a worker died, the next one settles the job
_NOBODYS = UUID(int=0)
_ENDED = {"completed", "failed", "cancelled"}


@router.post("/api/repos/quality/generate-feature")
@documented(infers="made", takes=FeatureBody, gives={202: FeatureAccepted, 200: Feature}, fails_as=Feature)
async def generate_feature(request: Request) -> Response:
    """202 with the job's id; with `wait`, its result, or its error with the status of its type."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    gateway.completing.enter(caller)
    when_answered(request, partial(gateway.completing.leave, caller))
    sent = await gateway.sent(request, caller)
    body = parsed(FeatureBody, sent.body)
    check_body(body)
    feature_id = await gateway.accepting_jobs.accept(caller, sent, body)
    if not body.wait:
        links = {"status": f"/api/features/{feature_id}", "events": f"/api/features/{feature_id}/events"}
        return json_response({"feature_id": str(feature_id), "state": "accepted", "links": links}, 202)
    await _ended(gateway, caller, feature_id, body.deadline_s or DEFAULT_FEATURE_DEADLINE_S)
    job = shown(gateway.ring, _found(await gateway.features.feature(caller.tenant_id, feature_id), str(feature_id)))
    failed = Failure.model_validate(job["error"]) if job["error"] else None
    return json_response(job, failed.http_status if failed else 200)


@router.get("/api/features")
@documented(query=FeaturesQuery, gives=Features)
async def list_features(request: Request) -> Response:
    """The newest jobs first, without their results."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    query = validated(FeaturesQuery, dict(request.query_params))
    rows = await gateway.features.features(caller.tenant_id, query.limit)
    features = [shown(gateway.ring, row) | {"progress": []} for row in rows]
    return json_response({"features": features, "total": len(features)})


@router.get("/api/features/workers")
@documented(gives=Workers)
async def list_workers(request: Request) -> Response:
    """The workers that were heard in the last seconds, with their generators."""
    gateway = gateway_of(request)
    await gateway.caller(request, "monitor")
    return json_response({"workers": gateway.feature_workers.shown()})


@router.get("/api/features/{feature_id}")
@documented(gives=Feature, fails=(404,))
async def show_feature(request: Request, feature_id: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    row = await gateway.features.feature(caller.tenant_id, _id(feature_id))
    return json_response(shown(gateway.ring, _found(row, feature_id)))


@router.delete("/api/features/{feature_id}")
@documented(gives=FeatureCancelling, status=202, fails=(404,))
async def cancel_feature(request: Request, feature_id: str) -> Response:
    """The worker stops the job when it hears of this; a job that has ended stays as it is."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    row = await _row(gateway, caller, feature_id)
    if row["state"] not in _ENDED:
        event = FeatureCancelRequested(feature_id=row["feature_id"], tenant_id=caller.tenant_id)
        await gateway.publisher.publish(Outgoing(FEATURE_CANCELLATIONS, event, traceparent(request)))
    return json_response({"feature_id": str(row["feature_id"]), "state": row["state"]}, 202)


@router.get("/api/features/{feature_id}/events")
@documented(gives=str, streams=(EVENTS,), fails=(404,))
async def feature_events(request: Request, feature_id: str) -> Response:
    """Server-sent events: `progress` for every step, from the first; `writing` while a model's answer comes, with the
    number of its characters so far; then `settled` with the state and any error."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    gateway.admit(request, caller)
    row = await _row(gateway, caller, feature_id)
    events = _events(gateway, caller, row["feature_id"])
    return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-store"})


async def _row(gateway: Gateway, caller: Caller, feature_id: str) -> asyncpg.Record:
    """Without its result."""
    return _found(await gateway.features.progress(caller.tenant_id, _id(feature_id)), feature_id)


def _id(feature_id: str) -> UUID:
    """A text that is no UUID becomes an id that no job has."""
    try:
        return UUID(feature_id)
    except ValueError:
        return _NOBODYS


def _found(row: asyncpg.Record | None, feature_id: str) -> asyncpg.Record:
    if row is None:
        raise TallygateError(
            "invalid_request",
            f"there is no feature job {feature_id!r}",
            http_status=404,
            tips=("List yours: GET /api/features, or tallygate feature list",),
        )
    return row


async def _ended(gateway: Gateway, caller: Caller, feature_id: UUID, deadline_s: float) -> None:
    """Returns when the job has ended. Raises TallygateError when no worker settles it by its deadline."""
    last = time.monotonic() + deadline_s + _GRACE_S
    with gateway.feature_watch.watching(feature_id) as news:
        while time.monotonic() < last:
            news.clear()
            if (await _row(gateway, caller, str(feature_id)))["state"] in _ENDED:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), min(_PING_EVERY_S, max(0.0, last - time.monotonic())))
    detail = f"no worker has ended the job {feature_id} by its deadline; it is kept until one is there"
    raise TallygateError("unavailable", detail, tips=("See whether a features worker runs: tallygate status",))


async def _events(gateway: Gateway, caller: Caller, feature_id: UUID) -> AsyncIterator[bytes]:
    sent, written = 0, None
    with gateway.feature_watch.watching(feature_id) as news:
        while True:
            news.clear()
            job = shown(gateway.ring, await _row(gateway, caller, str(feature_id)))
            for step in job["progress"][sent:]:
                yield _event("progress", step)
            sent = len(job["progress"])
            if job["writing"] not in (None, written):
                written = job["writing"]
                yield _event("writing", written)
            if job["state"] in _ENDED:
                yield _event("settled", {name: job[name] for name in ("feature_id", "state", "step", "error")})
                return
            try:
                await asyncio.wait_for(news.wait(), _PING_EVERY_S)
            except TimeoutError:
                yield b": still there\n\n"


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"
