"""Set a model up: probe its endpoint, have it answer as a draft, and only then make it a model.

Nothing is left behind: the draft is removed when no answer comes, and when this process dies before that, retention
deletes the draft (`draft_until`).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import asyncpg
import structlog

from services.gateway.inference.completing import Completing
from services.gateway.models.custom_models import callable_model, checked_endpoint, stored_model
from services.gateway.models.probe import Probed, Target, probe
from services.gateway.models.probe_limit import ProbeLimit
from services.gateway.models.probe_steps import Step
from services.gateway.models.schemas import CustomModelCreate, ModelProbe, ModelSetup
from services.gateway.models.store import ModelStore, StoredModel
from services.gateway.models.trial import Question, Trial, TrialFailedError, ask_for_one, tasks_to_try
from services.gateway.tenants.changes import changed_by
from shared.access import Caller
from shared.crypto import KeyRing, UnreadableSecretError
from shared.db.failures import RETRYABLE
from shared.errors import TallygateError
from shared.errors.failures import setup_tips
from shared.events import utc_now
from shared.guard import Guard
from shared.inferences import InferenceFailedError
from shared.registry import Model, Registry, Terms
from shared.registry.definition import PROTOCOLS, WIRE_FORMATS
from shared.registry.models import CUSTOM_PREFIX, Task, server_address
from shared.registry.prices import model_facts
from shared.registry.secrets import ModelSecrets, open_secrets
from shared.selection.objections import standing_objection, why_none

logger = structlog.get_logger(__name__)

_DRAFT_TIME = timedelta(minutes=15)  # longer than any setup takes, short enough that an id is soon free again
_AFTER_DEADLINE = timedelta(minutes=1)
_PUBLISHED = "genai-prices"


class IdTakenError(Exception):
    """There is a model of this id, or one is being set up."""


class SetUp(NamedTuple):
    """filled_in: the fields that the caller left out and that are known, each with its source."""

    trial: Trial
    filled_in: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setups:
    """Sets models up, and tries those that are there, for callers that have been let in."""

    completing: Completing
    store: ModelStore
    registry: Registry
    probe_limit: ProbeLimit
    guard: Guard
    ring: KeyRing

    async def set_up(self, question: Question, body: ModelSetup) -> SetUp:
        """Stores the model once it has answered. Raises IdTakenError, TrialFailedError; then nothing is stored."""
        tenant_id = question.caller.tenant_id
        target = target_of(body, body.config.get("model") or body.model_id)
        refuse_other_keys(question.caller, question.model)
        if await self.store.has_model(tenant_id, body.model_id, utc_now()):
            raise IdTakenError
        with self.probe_limit.place(tenant_id):
            probed = await probe(self.guard, target)
        if probed.failure is not None:
            raise TrialFailedError(TallygateError.of(probed.failure), probed.steps)
        whole, filled_in = completed(body, target, probed)
        model = stored_model(self.ring, tenant_id, whole)
        until = utc_now() + self._draft_time
        async with _draft(self.store, tenant_id, model, until):
            trial = await self._answered(question, model, probed, whole.capabilities.tasks)
            if whole.capabilities.tasks is None and trial.task != "chat":
                model.capabilities["tasks"] = [trial.task]
                filled_in["capabilities"] = "endpoint"
            fields = sorted(body.model_fields_set)
            change = changed_by(question.caller, "model.added", question.model, fields=fields)
            if not await self.store.keep_draft(model, until, body.is_active, change, utc_now()):
                raise TrialFailedError(_removed_meanwhile(model.model_id), trial.steps)
        return SetUp(trial, filled_in)

    async def try_stored(self, question: Question, row: asyncpg.Record) -> Trial:
        """The trial of a stored model. Raises TrialFailedError."""
        refuse_other_keys(question.caller, question.model)
        with self.probe_limit.place(question.caller.tenant_id):
            steps = await self._probe_stored(question.caller.tenant_id, row)
        named = callable_model(question.caller.tenant_id, row).upstream_model
        tasks = tasks_to_try((row["capabilities"] or {}).get("tasks"), named, row["wire_format"])
        return await ask_for_one(self.completing, question, steps, tasks)

    @property
    def _draft_time(self) -> timedelta:
        return max(_DRAFT_TIME, timedelta(seconds=self.completing.deadlines.default_s) + _AFTER_DEADLINE)

    async def _probe_stored(self, tenant_id: str, row: asyncpg.Record) -> tuple[Step, ...]:
        """The steps of a probe of the stored model. Empty when its secrets or URL cannot be read."""
        try:
            model = callable_model(tenant_id, row)
            target = Target(
                endpoint_url=model.endpoint_url,
                wire_format=model.wire_format,
                secrets=open_secrets(self.ring, model),
                model=model.upstream_model,
                stored_as=model.id,
            )
            return (await probe(self.guard, target)).steps
        except (UnreadableSecretError, TallygateError):
            return ()  # the completion will say so

    async def _answered(
        self, question: Question, model: StoredModel, probed: Probed, known: tuple[Task, ...] | None
    ) -> Trial:
        tasks = tasks_to_try(known, model.config.get("model") or model.model_id, model.wire_format)
        try:
            # This gateway must know the draft before it checks a request for it; routers learn of it by the version.
            await self.registry.refresh(question.caller.tenant_id)
            return await ask_for_one(self.completing, question, probed.steps, tasks)
        except TrialFailedError as error:
            raise worded_for_setup(error, server_address(model.endpoint_url)) from None


def target_of(body: ModelProbe | ModelSetup, model: str | None) -> Target:
    """Raises InvalidBodyError when the endpoint is no URL."""
    target = Target(
        endpoint_url=body.endpoint_url,
        wire_format=WIRE_FORMATS[body.provider] if body.provider else None,
        secrets=ModelSecrets(body.api_key, body.headers or {}),
        model=model,
    )
    checked_endpoint(body.endpoint_url, target.spoken)  # checks the same base URL that is probed
    return target


def refuse_other_keys(caller: Caller, model_id: str) -> None:
    """Raises TallygateError when the caller's key may not use a model of this id: then nothing is called for it."""
    model = Model(id=model_id, wire_format="openai", provider_name="custom", endpoint_url="")
    why_not = standing_objection(model, Terms(), caller.allowed_models, tested=True)
    if why_not is not None:
        raise TallygateError.of(why_none({model_id: why_not}, model_id))


def completed(body: ModelSetup, target: Target, probed: Probed) -> tuple[CustomModelCreate, dict[str, str]]:
    """The body with the known fields that it leaves out; and the sources of these, by field."""
    facts = model_facts("", target.model or "", target.base)
    known: dict[str, tuple[Any, str]] = {}
    if facts.price is not None:
        known["price"] = facts.price.model_dump(), _PUBLISHED
    if facts.context_window is not None:
        known["context_window"] = facts.context_window, _PUBLISHED
    if probed.context_window is not None:
        known["context_window"] = probed.context_window, "endpoint"
    unsaid = {name: fact for name, fact in known.items() if name not in body.model_fields_set}
    sent = body.model_dump(exclude_unset=True) | {"provider": body.provider or PROTOCOLS[probed.wire_format]}
    whole = CustomModelCreate.model_validate(sent | {name: value for name, (value, _) in unsaid.items()})
    return whole, {name: source for name, (_, source) in unsaid.items()}


@asynccontextmanager
async def _draft(store: ModelStore, tenant_id: str, model: StoredModel, until: datetime) -> AsyncIterator[None]:
    """Within it the draft exists. It is removed when the block raises."""
    if not await store.add_draft(tenant_id, model, utc_now(), until):
        raise IdTakenError
    try:
        yield
    except BaseException:
        await asyncio.shield(_taken_back(store, tenant_id, model.model_id, until))
        raise


async def _taken_back(store: ModelStore, tenant_id: str, model_id: str, until: datetime) -> None:
    try:
        await store.remove_draft(tenant_id, model_id, until)
    except RETRYABLE as error:
        # Retention deletes the draft later; the error that is being raised says more to the caller than this one.
        logger.warning("draft.left", model=CUSTOM_PREFIX + model_id, reason=type(error).__name__)


def worded_for_setup(error: TrialFailedError, host: str) -> TrialFailedError:
    """A failed call with the tips for a setup, as no model is stored. A refusal without a call keeps its own tips."""
    if not isinstance(error.cause, InferenceFailedError) or not error.cause.failed_attempts:
        return error
    known_failure = error.cause.failure
    reworded = known_failure.model_copy(update={"tips": setup_tips(known_failure.error_type, host)})
    last = replace(error.steps[-1], error=reworded)
    return TrialFailedError(error.cause, (*error.steps[:-1], last), reworded)


def _removed_meanwhile(model_id: str) -> TallygateError:
    return TallygateError(
        "invalid_request",
        f"{CUSTOM_PREFIX}{model_id} was removed while it was being set up",
        http_status=409,
        tips=("Set it up again if it is still wanted.",),
    )
