"""API keys: made and shown once, listed without their secret, revoked at once."""

from datetime import UTC, datetime
from functools import partial

from fastapi import APIRouter, Request, Response

from services.gateway.answers.tenants import KeyMade, Keys
from services.gateway.bodies import validated
from services.gateway.edge import json_response
from services.gateway.gateway import gateway_of
from services.gateway.routes.documented import documented
from services.gateway.tenants.changes import changed_by
from services.gateway.tenants.schemas import KeyCreate, KeysQuery
from services.gateway.tenants.store import NewKey, TenantStore
from shared.access import ApiKey, Caller, hash_key, new_api_key
from shared.errors import TallygateError

router = APIRouter(tags=["keys"])

_TRIES = 5


@router.post("/api/keys")
@documented(takes=KeyCreate, gives=KeyMade, status=201, fails=(409,))
async def create_key(request: Request) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "admin")
    body = await gateway.body(request, caller, KeyCreate)
    now = datetime.now(UTC)
    key = await stored_key(gateway.tenants, caller, body, now)
    shown = {
        "key": key.text,
        "key_id": key.key_id,
        "tenant": body.tenant,
        "scopes": body.scopes,
        "name": body.name,
        "allowed_models": body.allowed_models,
        "max_priority": body.max_priority,
    }
    return json_response(shown | {"created_at": now.isoformat()}, 201)


async def stored_key(store: TenantStore, caller: Caller, body: KeyCreate, now: datetime) -> ApiKey:
    """Stores a new key. Ids are short: when another key has the same id, a key with another id is made."""
    for _ in range(_TRIES):
        key = new_api_key()
        row = NewKey(
            key.key_id, body.tenant, hash_key(key.text), body.scopes, body.name, body.allowed_models, body.max_priority
        )
        change = changed_by(
            caller, "key.created", key.key_id, body.tenant, scopes=body.scopes, allowed_models=body.allowed_models,
            max_priority=body.max_priority,
        )  # fmt: skip
        if await store.add_key(row, change, now):
            return key
    raise TallygateError("internal", f"{_TRIES} key ids in a row were taken already; no key was made")


@router.get("/api/keys")
@documented(query=KeysQuery, gives=Keys)
async def list_keys(request: Request) -> Response:
    gateway = gateway_of(request)
    await gateway.caller(request, "admin")
    query = validated(KeysQuery, dict(request.query_params))
    rows = await gateway.tenants.keys(query.tenant)
    keys = [
        {
            "key_id": row["key_id"],
            "tenant": row["tenant_id"],
            "scopes": row["scopes"],
            "name": row["name"],
            "allowed_models": row["allowed_models"],
            "max_priority": row["max_priority"],
            "created_at": row["created_at"].isoformat(),
            "revoked_at": row["revoked_at"].isoformat() if row["revoked_at"] else None,
        }
        for row in rows
    ]
    return json_response({"keys": keys, "total": len(keys)})


@router.delete("/api/keys/{key_id}")
@documented(fails=(404,))
async def revoke_key(request: Request, key_id: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "admin")
    change = partial(changed_by, caller, "key.revoked", key_id)
    if not await gateway.tenants.revoke_key(key_id, change, datetime.now(UTC)):
        raise TallygateError(
            "invalid_request",
            f"there is no active key {key_id!r}",
            http_status=404,
            tips=("See: tallygate keys list",),
        )
    gateway.authenticator.changed(key_id)
    return Response(status_code=204)
