"""/api/webhooks: where a tenant wants to be told of events, and what became of each."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Request, Response

from services.gateway.answers.webhooks import (
    Deliveries,
    DeliveryWithBody,
    SecretMade,
    ShownWebhook,
    WebhookMade,
    Webhooks,
)
from services.gateway.bodies import validated
from services.gateway.edge import json_response
from services.gateway.gateway import Gateway, gateway_of
from services.gateway.routes.documented import documented
from services.gateway.tenants.changes import changed_by
from services.gateway.webhooks.schemas import DeliveriesQuery, WebhookChange, WebhookCreate
from services.gateway.webhooks.shown import shown_delivery, shown_webhook, shown_with_body
from services.gateway.webhooks.store import NewWebhook
from shared.access import Caller
from shared.client.requests import WEBHOOKS
from shared.errors import TallygateError
from shared.events import new_id, utc_now
from shared.guard import Guard
from shared.webhooks import TEST
from shared.webhooks.events import message
from shared.webhooks.secrets import new_secret, seal_secret

router = APIRouter(tags=["webhooks"])

_OVERLAP = timedelta(days=1)  # in which both secrets sign
_BEGIN_AGAIN = "Begin again without cursor: deliveries are deleted some time after their end."


@router.post(WEBHOOKS)
@documented(takes=WebhookCreate, gives=WebhookMade, status=201, fails=(409,))
async def add_webhook(request: Request) -> Response:
    """From now on the address is told of these events. The secret is shown this once."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "webhooks")
    body = await gateway.body(request, caller, WebhookCreate)
    await _check(gateway.guard, body.url)
    webhook_id, secret = new_id(), new_secret()
    sealed = seal_secret(gateway.ring, caller.tenant_id, webhook_id, secret)
    new = NewWebhook(webhook_id, body.url, list(dict.fromkeys(body.events)), body.name, sealed)
    change = changed_by(caller, "webhook.added", str(webhook_id), events=new.events)
    await gateway.webhooks.add(new, change, utc_now())
    row = await _webhook(gateway, caller, str(webhook_id))
    return json_response(shown_webhook(row) | {"secret": secret}, 201)


@router.get(WEBHOOKS)
@documented(gives=Webhooks)
async def list_webhooks(request: Request) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "webhooks")
    rows = await gateway.webhooks.webhooks(caller.tenant_id)
    return json_response({"webhooks": [shown_webhook(row) for row in rows], "total": len(rows)})


@router.get(WEBHOOKS + "/{webhook_id}")
@documented(gives=ShownWebhook, fails=(404,))
async def show_webhook(request: Request, webhook_id: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "webhooks")
    return json_response(shown_webhook(await _webhook(gateway, caller, webhook_id)))


@router.patch(WEBHOOKS + "/{webhook_id}")
@documented(takes=WebhookChange, gives=ShownWebhook, fails=(404,))
async def change_webhook(request: Request, webhook_id: str) -> Response:
    """One that is enabled again gets what waited for it."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "webhooks")
    body = await gateway.body(request, caller, WebhookChange)
    if body.url is not None:
        await _check(gateway.guard, body.url)
    change = changed_by(caller, "webhook.changed", webhook_id, fields=sorted(body.model_fields_set))
    if not await gateway.webhooks.change(_id(webhook_id, _unknown), body, change):
        raise _unknown(webhook_id)
    return json_response(shown_webhook(await _webhook(gateway, caller, webhook_id)))


@router.delete(WEBHOOKS + "/{webhook_id}")
@documented(fails=(404,))
async def remove_webhook(request: Request, webhook_id: str) -> Response:
    """With its deliveries; what waits is not sent any more."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "webhooks")
    change = changed_by(caller, "webhook.removed", webhook_id)
    if not await gateway.webhooks.remove(_id(webhook_id, _unknown), change):
        raise _unknown(webhook_id)
    return Response(status_code=204)


@router.post(WEBHOOKS + "/{webhook_id}/rotate-secret")
@documented(gives=SecretMade, fails=(404,), limited=True)
async def rotate_secret(request: Request, webhook_id: str) -> Response:
    """A new secret, shown this once. For a day the one before signs too: each delivery has both signatures."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "webhooks")
    gateway.admit(request, caller)
    known_id, secret, until = _id(webhook_id, _unknown), new_secret(), utc_now() + _OVERLAP
    sealed = seal_secret(gateway.ring, caller.tenant_id, known_id, secret)
    if not await gateway.webhooks.rotate(known_id, sealed, until, changed_by(caller, "webhook.rotated", webhook_id)):
        raise _unknown(webhook_id)
    return json_response({"id": str(known_id), "secret": secret, "old_secret_until": until.isoformat()})


@router.post(WEBHOOKS + "/{webhook_id}/test")
@documented(gives=DeliveryWithBody, status=202, fails=(404, 409), limited=True)
async def send_test(request: Request, webhook_id: str) -> Response:
    """Sends `webhook.test`, as events are sent. What became of it: its delivery, of which this is the first word."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "webhooks")
    gateway.admit(request, caller)
    row = await _enabled(gateway, caller, webhook_id)
    known_id, delivery_id = row["webhook_id"], new_id()
    body = message(TEST, utc_now().isoformat(), {"webhook_id": str(known_id)})
    if not await gateway.webhooks.test(caller.tenant_id, known_id, delivery_id, TEST, body):
        raise TallygateError("invalid_request", f"too much waits for webhook {webhook_id} already", http_status=409)
    return json_response(shown_with_body(await _delivery(gateway, caller, webhook_id, str(delivery_id))), 202)


@router.get(WEBHOOKS + "/{webhook_id}/deliveries")
@documented(query=DeliveriesQuery, gives=Deliveries, fails=(404,))
async def list_deliveries(request: Request, webhook_id: str) -> Response:
    """The newest first. `next_cursor` goes on, with the same query."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "webhooks")
    query = validated(DeliveriesQuery, dict(request.query_params))
    known_id = (await _webhook(gateway, caller, webhook_id))["webhook_id"]
    if query.cursor and await gateway.webhooks.delivery(caller.tenant_id, known_id, query.cursor) is None:
        raise TallygateError("invalid_request", "cursor is none that was given here", tips=(_BEGIN_AGAIN,))
    rows = await gateway.webhooks.deliveries(
        caller.tenant_id, known_id, query.state, query.cursor, query.limit + 1
    )  # fmt: skip
    shown, older = rows[: query.limit], rows[query.limit :]
    items: list[dict[str, Any]] = [shown_delivery(row) for row in shown]
    return json_response({"items": items, "next_cursor": items[-1]["id"] if older else None})


@router.get(WEBHOOKS + "/{webhook_id}/deliveries/{delivery_id}")
@documented(gives=DeliveryWithBody, fails=(404,))
async def show_delivery(request: Request, webhook_id: str, delivery_id: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "webhooks")
    return json_response(shown_with_body(await _delivery(gateway, caller, webhook_id, delivery_id)))


@router.post(WEBHOOKS + "/{webhook_id}/deliveries/{delivery_id}/redeliver")
@documented(gives=DeliveryWithBody, status=202, fails=(404, 409), limited=True)
async def redeliver(request: Request, webhook_id: str, delivery_id: str) -> Response:
    """Sends it once more, at once and under the same id, whatever became of it; when that fails, for a day again."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "webhooks")
    gateway.admit(request, caller)
    known_id = (await _enabled(gateway, caller, webhook_id))["webhook_id"]
    if not await gateway.webhooks.redeliver(caller.tenant_id, known_id, _id(delivery_id, _no_delivery)):
        raise _no_delivery(delivery_id)
    return json_response(shown_with_body(await _delivery(gateway, caller, webhook_id, delivery_id)), 202)


async def _check(guard: Guard, url: str) -> None:
    """As the endpoint of a model is checked. Raises TallygateError."""
    try:
        await guard.check(url)
    except TallygateError as error:
        known = error.failure
        detail = known.detail.replace("endpoint_url", "url").replace("; use api_key or headers", "")
        detail = detail.replace("https://host/v1", "https://host/path")
        raise TallygateError(known.error_type, detail, http_status=known.http_status, tips=known.tips) from None


async def _webhook(gateway: Gateway, caller: Caller, webhook_id: str) -> asyncpg.Record:
    row = await gateway.webhooks.webhook(caller.tenant_id, _id(webhook_id, _unknown))
    if row is None:
        raise _unknown(webhook_id)
    return row


async def _enabled(gateway: Gateway, caller: Caller, webhook_id: str) -> asyncpg.Record:
    row = await _webhook(gateway, caller, webhook_id)
    if row["disabled_at"] is not None:
        detail = f"webhook {webhook_id} is disabled: {row['disabled_because']}"
        tips = (f"Enable it first: tallygate webhooks enable {row['webhook_id']}",)
        raise TallygateError("invalid_request", detail, http_status=409, tips=tips)
    return row


async def _delivery(gateway: Gateway, caller: Caller, webhook_id: str, delivery_id: str) -> asyncpg.Record:
    row = await gateway.webhooks.delivery(
        caller.tenant_id, _id(webhook_id, _unknown), _id(delivery_id, _no_delivery)
    )  # fmt: skip
    if row is None:
        raise _no_delivery(delivery_id)
    return row


def _id(text: str, unknown: Any) -> UUID:
    """What is no UUID is unknown as well."""
    try:
        return UUID(text)
    except ValueError:
        raise unknown(text) from None


def _unknown(webhook_id: str) -> TallygateError:
    tips = ("See: tallygate webhooks list",)
    return TallygateError("invalid_request", f"there is no webhook {webhook_id!r}", http_status=404, tips=tips)


def _no_delivery(delivery_id: str) -> TallygateError:
    tips = ("See: tallygate webhooks show <id>",)
    return TallygateError("invalid_request", f"there is no delivery {delivery_id!r}", http_status=404, tips=tips)
