"""Pure: from a caller's body to the FeatureRequested that is published, and from a stored job to its JSON."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from services.gateway.bodies import InvalidBodyError
from services.gateway.feature_jobs.schemas import FeatureBody, FeatureConstraints
from services.gateway.inference.labels import Labels
from shared.access import Caller
from shared.crypto import KeyRing, SealedContext, UnreadableSecretError, open_sealed, seal
from shared.events import FeatureRequested
from shared.events.feature import DEFAULT_FEATURE_DEADLINE_S
from shared.languages import known_language
from shared.priorities import capped

_GIVE = "give one of: repo (an https:// git URL), archive (base64 of a zip or tar.gz), or files [{path, content}]"

_SOME_LANGUAGES = "python, javascript, typescript, go, rust, java, cpp, csharp, ruby, php, shell, sql, html, markdown"


def check_body(body: FeatureBody) -> None:
    """Raises InvalidBodyError."""
    source_of(body)
    check_languages(body.constraints)


def check_languages(constraints: FeatureConstraints) -> None:
    """An unknown language would refuse every file, after all of them are paid for. Raises InvalidBodyError."""
    unknown = [name for name in constraints.languages if known_language(name) is None]
    if unknown:
        detail = f"no language is known by the name {unknown[0]!r}; some that are: {_SOME_LANGUAGES}"
        raise InvalidBodyError(detail, "constraints.languages")


def source_of(body: FeatureBody) -> dict[str, Any]:
    """Where the repository comes from. With files or an archive, `repo` is only a name. Raises InvalidBodyError."""
    if body.files and body.archive:
        raise InvalidBodyError(f"files and archive were both given; {_GIVE}", "archive")
    if body.files:
        return {"files": [file.model_dump() for file in body.files]}
    if body.archive:
        return {"archive_b64": body.archive}
    if body.repo and body.repo.startswith(("https://", "http://")):
        return {"url": body.repo, "ref": body.ref}
    raise InvalidBodyError(f"there is no repository to read; {_GIVE}", "repo")


def requested(
    ring: KeyRing, caller: Caller, feature_id: UUID, body: FeatureBody, said: Labels, now: datetime
) -> FeatureRequested:
    context = SealedContext(caller.tenant_id, "feature", str(feature_id))
    wish = {
        "source": source_of(body),
        "wish": body.featureRequest,
        "constraints": body.constraints.model_dump(exclude_unset=True),
    }
    return FeatureRequested(
        feature_id=feature_id,
        tenant_id=caller.tenant_id,
        sealed_input=seal(ring, context, orjson.dumps(wish)),
        generator=body.generator,
        model=body.model,
        policy=body.policy,
        allowed_models=caller.allowed_models,
        priority=capped("normal", caller.max_priority),
        api_key_id=caller.key_id,
        session=said.session,
        tags=said.tags,
        accepted_at=now,
        deadline_at=now + timedelta(seconds=body.deadline_s or DEFAULT_FEATURE_DEADLINE_S),
    )


def shown(ring: KeyRing, row: asyncpg.Record) -> dict[str, Any]:
    """As GET /api/features/{id} shows it."""
    calls = row["calls"]
    costs = [call["cost_usd"] for call in calls if call["cost_usd"] is not None]
    return {
        "feature_id": str(row["feature_id"]),
        "state": row["state"],
        "step": row["step"],
        "generator": row["generator"],
        "model": row["model"],
        "delivery": row["delivery"],
        "accepted_at": row["accepted_at"].isoformat(),
        "started_at": row["started_at"].isoformat() if row["started_at"] else None,
        "settled_at": row["settled_at"].isoformat() if row["settled_at"] else None,
        "writing": _writing(row),
        "progress": [{name: step[name] for name in ("at", "step", "message")} for step in row["progress"]],
        "result": _result(ring, row),
        "inferences": calls,
        "cost_usd": round(sum(costs), 8) if costs else None,
        "error": row["error"],
    }


def _writing(row: asyncpg.Record) -> dict[str, Any] | None:
    """How much a model has written for the step at hand; None when none is writing."""
    at, steps = row["characters_at"], row["progress"]
    if row["state"] != "running" or at is None or (steps and datetime.fromisoformat(steps[-1]["at"]) > at):
        return None
    return {"at": at.isoformat(), "step": row["step"], "characters": row["characters"]}


def _result(ring: KeyRing, row: asyncpg.Record) -> dict[str, Any] | None:
    if row["sealed_result"] is None:
        return None
    context = SealedContext(row["tenant_id"], "feature_result", str(row["feature_id"]))
    try:
        result: dict[str, Any] = orjson.loads(open_sealed(ring, context, row["sealed_result"]))
    except UnreadableSecretError as error:
        return {"unreadable": f"the stored result cannot be opened: {error}"}
    return result
