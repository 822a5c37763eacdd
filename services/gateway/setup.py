"""Set a model up: probe its endpoint, have it answer as a draft, and only then make it a model.

Nothing is left behind whatever happens: the draft is taken back when the answer does not come, and when this process
dies in between, retention deletes it (`draft_until`).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import structlog

from services.gateway.changes import changed_by
from services.gateway.custom_models import PROVIDERS, WIRE_FORMATS, checked_endpoint, opened_secrets, stored_model
from services.gateway.gateway import Gateway
from services.gateway.probe import Probed, Target, probe
from services.gateway.probe_steps import Step, tips_before_stored
from services.gateway.schemas import CustomModelCreate, ModelProbe, ModelSetup
from services.gateway.store import GatewayStore, StoredModel
from services.gateway.trial import Question, Trial, TrialFailedError, ask
from shared.crypto import UnreadableSecretError
from shared.db.pool import RETRYABLE
from shared.errors import TallygateError
from shared.registry.models import CUSTOM_PREFIX, server_address

logger = structlog.get_logger(__name__)

_DRAFT_TIME = timedelta(minutes=15)  # longer than any setup takes, short enough that an id is soon free again
_AFTER_DEADLINE = timedelta(minutes=1)


class IdTakenError(Exception):
    """There is a model of this id, or one is being set up."""


async def set_up(gateway: Gateway, question: Question, body: ModelSetup) -> Trial:
    """The model is there when this returns. Raises IdTakenError, or TrialFailedError: then nothing is."""
    tenant_id = question.caller.tenant_id
    if await gateway.store.has_model(tenant_id, body.model_id, datetime.now(UTC)):
        raise IdTakenError
    probed = await probe(gateway.guard, target_of(body, (body.config.get("model") or body.model_id)))
    if probed.failure is not None:
        raise TrialFailedError(TallygateError.of(probed.failure), probed.steps)
    model = stored_model(gateway.ring, tenant_id, _completed(body, probed))
    until = datetime.now(UTC) + _draft_time(gateway)
    async with _draft(gateway.store, tenant_id, model, until):
        trial = await _answered(gateway, question, model, probed)
        change = changed_by(question.caller, "model.added", question.model, fields=sorted(body.model_fields_set))
        if not await gateway.store.keep_draft(model.model_id, until, body.is_active, change, datetime.now(UTC)):
            raise TrialFailedError(_removed_meanwhile(model.model_id), trial.steps)
    return trial


def target_of(body: ModelProbe | ModelSetup, model: str | None) -> Target:
    """Raises InvalidBodyError when the endpoint is no URL."""
    wire_format = WIRE_FORMATS[body.provider] if body.provider else None
    checked_endpoint(body.endpoint_url, wire_format or "openai")
    return Target(
        endpoint_url=body.endpoint_url,
        wire_format=wire_format,
        api_key=body.api_key,
        headers=body.headers,
        model=model,
    )


async def probe_stored(gateway: Gateway, tenant_id: str, row: asyncpg.Record) -> tuple[Step, ...]:
    """What can be told from here of a stored model's endpoint. None when its secrets or its URL cannot be read."""
    try:
        key, headers = opened_secrets(gateway.ring, tenant_id, row)
        target = Target(
            endpoint_url=row["endpoint_url"],
            wire_format=row["wire_format"],
            api_key=key,
            headers=headers,
            model=(row["config"] or {}).get("model") or row["model_id"],
            stored_as=CUSTOM_PREFIX + row["model_id"],
        )
        return (await probe(gateway.guard, target)).steps
    except (UnreadableSecretError, TallygateError):
        return ()  # the completion will say so


def _draft_time(gateway: Gateway) -> timedelta:
    return max(_DRAFT_TIME, timedelta(seconds=gateway.settings.default_deadline_s) + _AFTER_DEADLINE)


@asynccontextmanager
async def _draft(store: GatewayStore, tenant_id: str, model: StoredModel, until: datetime) -> AsyncIterator[None]:
    """Whoever leaves with an exception leaves no draft behind."""
    if not await store.add_draft(tenant_id, model, datetime.now(UTC), until):
        raise IdTakenError
    try:
        yield
    except BaseException:
        await asyncio.shield(_taken_back(store, tenant_id, model.model_id, until))
        raise


async def _taken_back(store: GatewayStore, tenant_id: str, model_id: str, until: datetime) -> None:
    try:
        await store.remove_draft(tenant_id, model_id, until)
    except RETRYABLE as error:
        # Retention deletes it when its time has passed; what went wrong first is what the caller is told.
        logger.warning("draft.left", model=CUSTOM_PREFIX + model_id, reason=type(error).__name__)


async def _answered(gateway: Gateway, question: Question, model: StoredModel, probed: Probed) -> Trial:
    try:
        # The registry has to know the draft before a request names it.
        await gateway.registry.refresh(question.caller.tenant_id)
        return await ask(gateway, question, probed.steps)
    except TrialFailedError as error:
        told = error.cause.failure
        tips = tips_before_stored(told, server_address(model.endpoint_url))
        told = told.model_copy(update={"tips": tips})
        last = replace(error.steps[-1], error=told)
        raise TrialFailedError(error.cause, (*error.steps[:-1], last), told) from None


def _completed(body: ModelSetup, probed: Probed) -> CustomModelCreate:
    """What was sent, and what the probe has found out."""
    found: dict[str, Any] = {"provider": body.provider or PROVIDERS[probed.wire_format]}
    if body.context_window is None and probed.context_window is not None:
        found["context_window"] = probed.context_window
    return CustomModelCreate.model_validate(body.model_dump(exclude_unset=True) | found)


def _removed_meanwhile(model_id: str) -> TallygateError:
    return TallygateError(
        "invalid_request",
        f"{CUSTOM_PREFIX}{model_id} was removed while it was being set up",
        http_status=409,
        tips=("Set it up again if it is still wanted.",),
    )
