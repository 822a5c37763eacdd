"""The list of inferences, and the filters that stand above it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode
from uuid import UUID

FILTERS = ("state", "model", "error_type", "operation", "key", "session", "tag")
STATES = ("completed", "failed", "rejected", "expired", "cancelled", "running", "accepted")
_TONES = {
    "completed": "ok", "succeeded": "ok", "failed": "bad", "expired": "bad", "rejected": "warn", "cancelled": "warn",
    "running": "run", "accepted": "run",
}  # fmt: skip
_RANGE = ("window", "from", "to")


class Pages(NamedTuple):
    """Links to the first page, when this one is not it, and to the next."""

    newest: str | None
    older: str | None


def chosen_filters(query: Mapping[str, str]) -> dict[str, str]:
    return {name: query.get(name, "").strip() for name in FILTERS}


def pages(query: Mapping[str, str], next_cursor: str | None) -> Pages:
    """query: of this page's address."""
    kept = {name: query[name] for name in (*_RANGE, *FILTERS) if query.get(name)}
    newest = "/inferences?" + urlencode(kept) if query.get("cursor") else None
    older = "/inferences?" + urlencode({**kept, "cursor": next_cursor}) if next_cursor else None
    return Pages(newest, older)


def tone(state: str | None) -> str:
    """Of a state or an outcome; what has none yet is going on."""
    return "run" if state is None else _TONES.get(state, "")


def tokens(usage: Mapping[str, Any] | None) -> str:
    """812 → 233; ≈ before what was estimated. Empty when nobody knows."""
    if usage is None or (usage.get("input_tokens") is None and usage.get("output_tokens") is None):
        return ""
    counts = " → ".join(f"{usage.get(name) or 0:,}" for name in ("input_tokens", "output_tokens"))
    return f"≈ {counts}" if usage.get("state") == "estimated" else counts


class Call(NamedTuple):
    """with_tips: whether its tips are shown; of calls that failed in the same way, only the last one's are."""

    attempt: Mapping[str, Any]
    with_tips: bool


def calls(attempts: Sequence[Mapping[str, Any]]) -> list[Call]:
    kinds = [(one["model"], (one["error"] or {}).get("error_type")) for one in attempts]
    return [Call(one, kind != next_) for one, kind, next_ in zip(attempts, kinds, [*kinds[1:], None], strict=True)]


def trace_link(template: str | None, one: Mapping[str, Any]) -> str | None:
    """Where the trace of an inference is shown. template: of the settings. None where there is none, or no trace."""
    trace_id = one.get("trace_id")
    if template is None or ("{trace_id}" in template and not trace_id):
        return None
    return template.replace("{trace_id}", quote(trace_id or "")).replace("{inference_id}", quote(one["inference_id"]))


def inference_id(text: str) -> str | None:
    """Of what somebody has pasted into the search; None when it is no id."""
    try:
        return str(UUID(text.strip()))
    except ValueError:
        return None
