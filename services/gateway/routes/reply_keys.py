"""Public keys of a tenant, for which answers to its upstream services are sealed."""

import base64
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from pydantic import Field, JsonValue

from services.gateway.answers.reply_keys import ReplyKeys, ShownReplyKey
from services.gateway.bodies import InvalidBodyError, StrictBody
from services.gateway.edge import json_response
from services.gateway.gateway import gateway_of
from services.gateway.routes.documented import documented
from services.gateway.tenants.changes import changed_by
from shared.client.requests import REPLY_KEYS
from shared.crypto.public_keys import UnusableKeyError, public_key_of
from shared.errors import TallygateError
from shared.events import utc_now
from shared.events.upstream import ReplyKeyId

router = APIRouter(tags=["keys"])

# Shown and not checked: public_key_of says better what is wrong.
_PUBLIC_KEY: dict[str, JsonValue] = {"pattern": "^[A-Za-z0-9+/]{43}=$"}


class ReplyKeyCreate(StrictBody):
    """id: as requests name it (`reply_key_id`). public_key: of X25519, 32 bytes in base64."""

    id: ReplyKeyId
    public_key: Annotated[str, Field(min_length=1, max_length=200, json_schema_extra=_PUBLIC_KEY)]


@router.get(REPLY_KEYS)
@documented(gives=ReplyKeys)
async def list_reply_keys(request: Request) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    rows = await gateway.reply_keys.keys(caller.tenant_id)
    keys = [
        {
            "id": row["reply_key_id"],
            "public_key": base64.b64encode(row["public_key"]).decode(),
            "created_at": row["created_at"].isoformat(),
        }
        for row in rows
    ]
    return json_response({"keys": keys, "total": len(keys)})


@router.post(REPLY_KEYS)
@documented(takes=ReplyKeyCreate, gives=ShownReplyKey, status=201, fails=(409,))
async def add_reply_key(request: Request) -> Response:
    """Requests that upstream services publish may name it from now on. A key is never changed: add another one."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    body = await gateway.body(request, caller, ReplyKeyCreate)
    try:
        public_key = public_key_of(body.public_key)
    except UnusableKeyError as error:
        raise InvalidBodyError(f"public_key: {error}", "public_key") from None
    change, now = changed_by(caller, "reply_key.added", body.id), utc_now()
    if not await gateway.reply_keys.add(body.id, public_key, change, now):
        detail = f"your tenant has a reply key {body.id!r} already"
        tips = ("Choose another id, or remove it first: tallygate reply-keys remove",)
        raise TallygateError("invalid_request", detail, http_status=409, tips=tips)
    shown = {"id": body.id, "public_key": body.public_key, "created_at": now.isoformat()}
    return json_response(shown, 201, {"location": f"{REPLY_KEYS}/{quote(body.id)}"})


@router.delete(REPLY_KEYS + "/{key_id}")
@documented(fails=(404,))
async def remove_reply_key(request: Request, key_id: str) -> Response:
    """Requests that name it are refused from now on; answers to earlier ones are still sealed for it."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    if not await gateway.reply_keys.remove(key_id, changed_by(caller, "reply_key.removed", key_id)):
        tips = ("See: tallygate reply-keys list",)
        raise TallygateError("invalid_request", f"there is no reply key {key_id!r}", http_status=404, tips=tips)
    return Response(status_code=204)
