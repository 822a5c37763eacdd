"""Pure: what the history of health looks like to people."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from services.monitor.health.store import History, Row
from services.monitor.ranges import Range
from services.monitor.rollups.health import ThresholdsOfModel
from shared.events import ModelHealthChanged
from shared.registry.health import Probing

Probings = Mapping[str, Probing]  # of those that are probed, by model id


def timeline(history: History, span: Range) -> dict[str, Any]:
    """The changes within a span, newest first, and how each model that had changed before was when it began."""
    return {
        "items": [_change(row) | {"was": row["was"]} for row in history.changes],
        "at_from": [_change(row) for row in sorted(history.before, key=_by_model)],
        "from": span.since.isoformat(),
        "to": span.until.isoformat(),
    }


def standing(
    history: History, said: Iterable[ModelHealthChanged], thresholds: ThresholdsOfModel, probings: Probings
) -> list[dict[str, Any]]:
    """How each model is now of which anything is known. said: the last words, which know the figures of a minute ago;
    of a model that the history knows, too, they count while they say the same."""
    newest = {row["model"]: row for row in history.now}
    words = {word.model: word for word in said}
    probes = {row["model"]: row for row in history.probes}
    return [
        {
            "model": model,
            **_now(newest.get(model), words.get(model)),
            "thresholds": thresholds(model).model_dump(),
            "probe": _probe(probings.get(model), probes.get(model)),
        }
        for model in sorted({*newest, *words, *probings})
    ]


def _now(row: Row | None, word: ModelHealthChanged | None) -> dict[str, Any]:
    """since: of its status; None: it has had no other one."""
    since = None if row is None else row["changed_at"].isoformat()
    if word is not None and (row is None or word.status == row["status"]):
        return {
            "status": word.status, "since": since, "reason": word.reason, "cause": word.cause, "calls": word.calls,
            "failed": word.failed, "errors": word.errors_by_type, "p50_s": word.p50_s,
        }  # fmt: skip
    if row is None:
        return {
            "status": "healthy", "since": None, "reason": "", "cause": None, "calls": 0, "failed": 0, "errors": {},
            "p50_s": None,
        }  # fmt: skip
    return {"status": row["status"], "since": since, "p50_s": None} | _why(row)


def _change(row: Row) -> dict[str, Any]:
    return {
        "id": str(row["event_id"]),
        "model": row["model"],
        "at": row["changed_at"].isoformat(),
        "status": row["status"],
        **_why(row),
        "thresholds": _thresholds(row),
    }


def _why(row: Row) -> dict[str, Any]:
    """Without figures where the row is older than these are kept."""
    return {
        "reason": row["reason"],
        "cause": row["cause"],
        "calls": row["calls"] or 0,
        "failed": row["failed"] or 0,
        "errors": row["errors"] or {},
    }


def _thresholds(row: Row) -> dict[str, Any] | None:
    names = ("degraded_at", "unhealthy_at", "min_calls")
    return None if row["min_calls"] is None else {name: row[name] for name in names}


def _probe(probing: Probing | None, row: Row | None) -> dict[str, Any] | None:
    if probing is None:
        return None
    asked_at, ended_at, error_type = (row["asked_at"], row["ended_at"], row["error_type"]) if row else (None,) * 3
    return {
        "every_s": probing.every_s,
        "asked_at": _iso(asked_at),
        "ended_at": _iso(ended_at),
        "error_type": error_type,
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _by_model(row: Row) -> str:
    return str(row["model"])
