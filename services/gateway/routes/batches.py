"""/v1/batches: many requests in one file, answered within hours (docs/batches.md)."""

from datetime import timedelta

import asyncpg
from fastapi import APIRouter, Request, Response

from services.gateway.answers.batches import Batch, Batches
from services.gateway.batches.schemas import BatchCreate, BatchesQuery
from services.gateway.batches.shown import shown_batch
from services.gateway.batches.store import NewBatch
from services.gateway.bodies import InvalidBodyError, validated
from services.gateway.edge import json_response
from services.gateway.gateway import gateway_of
from services.gateway.headers import headers_of
from services.gateway.inference.labels import labels
from services.gateway.routes.documented import documented
from shared.batches import LAST_STATES, batch_name, batch_of_name
from shared.errors import TallygateError
from shared.events import new_id, utc_now
from shared.files import file_id_in

router = APIRouter(tags=["batches"])

PATH = "/v1/batches"


@router.post(PATH)
@documented(takes=BatchCreate, gives=Batch, fails=(404, 409))
async def create_batch(request: Request) -> Response:
    """Its file is checked next, and its lines are begun as there is room. They are asked for in the name of this key,
    within its tenant's budgets and limits; x-tallygate-session names the session that they are booked under."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    asked = await gateway.body(request, caller, BatchCreate)
    file_id = file_id_in(asked.input_file_id)
    given = None if file_id is None else await gateway.files.file(caller.tenant_id, file_id)
    if given is None or given.finished_at is None:
        tips = ('Upload it first, with purpose="batch": POST /v1/files',)
        detail = f"input_file_id: there is no file {asked.input_file_id!r:.100}"
        raise TallygateError("invalid_request", detail, http_status=404, tips=tips)
    if given.purpose != "batch":
        raise InvalidBodyError('input_file_id: the file must be uploaded with purpose "batch"', "input_file_id")
    now, batch_id = utc_now(), new_id()
    kept = asked.output_expires_after
    new = NewBatch(
        batch_id=batch_id,
        tenant_id=caller.tenant_id,
        key_id=caller.key_id,
        endpoint=asked.endpoint,
        input_file_id=given.file_id,
        completion_window=asked.completion_window,
        metadata=dict(asked.metadata) if asked.metadata else None,
        session=labels(headers_of(request.scope)).session or batch_name(batch_id),
        output_kept_s=gateway.settings.file.file_retention_s if kept is None else float(kept.seconds),
        created_at=now,
        expires_at=now + timedelta(seconds=asked.window.total_seconds()),
    )
    await gateway.batches.add(new)
    return json_response(shown_batch(await _batch(request, caller.tenant_id, batch_name(batch_id))))


@router.get(PATH)
@documented(query=BatchesQuery, gives=Batches)
async def list_batches(request: Request) -> Response:
    """The newest first."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    query = validated(BatchesQuery, dict(request.query_params))
    after = None if query.after is None else batch_of_name(query.after)
    if query.after is not None and after is None:
        raise InvalidBodyError("after: it is no id of a batch", "after")
    rows = await gateway.batches.page(caller.tenant_id, after, query.status, query.limit + 1)
    shown = [shown_batch(row) for row in rows[: query.limit]]
    first, last = (shown[0]["id"], shown[-1]["id"]) if shown else (None, None)
    page = {"object": "list", "data": shown, "first_id": first, "last_id": last, "has_more": len(rows) > query.limit}
    return json_response(page)


@router.get(PATH + "/{batch_id}")
@documented(gives=Batch, fails=(404,))
async def show_batch(request: Request, batch_id: str) -> Response:
    caller = await gateway_of(request).caller(request, "inference")
    return json_response(shown_batch(await _batch(request, caller.tenant_id, batch_id)))


@router.post(PATH + "/{batch_id}/cancel")
@documented(gives=Batch, fails=(404, 409))
async def cancel_batch(request: Request, batch_id: str) -> Response:
    """No more lines are begun, and those in flight are cancelled. What was answered before is in its files."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    row = await _batch(request, caller.tenant_id, batch_id)
    cancelled = await gateway.batches.cancel(caller.tenant_id, row["batch_id"])
    if cancelled is None:
        cancelled = await _batch(request, caller.tenant_id, batch_id)
        _refuse_if_over(batch_id, cancelled["status"])
    return json_response(shown_batch(cancelled))


def _refuse_if_over(batch_id: str, status: str) -> None:
    """Cancelling it once more changes nothing, and is no error."""
    if status == "finalizing":
        raise _conflict(f"{batch_id} is finalizing: all its lines have ended", "Its files are there in a moment.")
    if status in LAST_STATES and status != "cancelled":
        raise _conflict(f"{batch_id} has ended: {status}", "There is nothing left to cancel.")


def _conflict(detail: str, tip: str) -> TallygateError:
    return TallygateError("invalid_request", detail, http_status=409, tips=(tip,))


async def _batch(request: Request, tenant_id: str, batch_id: str) -> asyncpg.Record:
    """Raises TallygateError."""
    known = batch_of_name(batch_id)
    row = None if known is None else await gateway_of(request).batches.batch(tenant_id, known)
    if row is None:
        tips = ("See: tallygate batch list",)
        raise TallygateError("invalid_request", f"there is no batch {batch_id!r:.100}", http_status=404, tips=tips)
    return row
