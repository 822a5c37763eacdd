"""Keys as the page lists them, and the forms about keys, tenants and plans as the gateway takes them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from services.console.views.fields import Fields, given, listed, number, text, whole
from services.console.views.format import count, usd

MOST_SHOWN = 200

# What a key may do, as the gateway names it.
SCOPES = {
    "inference": "ask models",
    "models": "set models up",
    "monitor": "see the books",
    "webhooks": "have events sent",
    "sessions": "cap sessions",
    "files": "send and read files",
    "admin": "everything, for all tenants",
}


class KeyFilter(NamedTuple):
    """part: of a key's id, name or tenant. revoked: those too."""

    part: str
    revoked: bool


class Keys(NamedTuple):
    """shown: at most MOST_SHOWN of those that match, the newest first. revoked: how many of all are."""

    shown: Sequence[Mapping[str, Any]]
    matching: int
    total: int
    revoked: int


def keys(found: Sequence[Mapping[str, Any]], wanted: KeyFilter) -> Keys:
    part = wanted.part.lower()
    matching = [
        key
        for key in found
        if (wanted.revoked or not key["revoked_at"])
        and any(part in str(key[name]).lower() for name in ("key_id", "name", "tenant"))
    ]
    matching.sort(key=lambda key: key["created_at"], reverse=True)
    return Keys(matching[:MOST_SHOWN], len(matching), len(found), sum(1 for key in found if key["revoked_at"]))


def key_body(fields: Fields) -> dict[str, Any]:
    """For POST /api/keys."""
    scopes = [scope for scope in SCOPES if f"scope_{scope}" in fields]
    names = {name: text(fields, name) for name in ("tenant", "name", "max_priority")}
    return given(names | {"allowed_models": listed(fields, "allowed_models")}) | {"scopes": scopes}


def plan_body(fields: Fields) -> dict[str, Any]:
    """For PUT /api/plans/{id}, which replaces all terms. Raises TallygateError (400)."""
    return given(_terms(fields))


def tenant_body(fields: Fields) -> dict[str, Any]:
    """For PATCH /api/tenants/{id}: what is empty goes back to the plan's. Raises TallygateError (400)."""
    return {"plan": text(fields, "plan")} | _terms(fields)


def _terms(fields: Fields) -> dict[str, Any]:
    return {
        "policy": text(fields, "policy"),
        "provider_allow": listed(fields, "provider_allow") or None,
        "provider_deny": listed(fields, "provider_deny") or None,
        "usd_per_day": number(fields, "usd_per_day", "Dollars a day"),
        "usd_per_month": number(fields, "usd_per_month", "Dollars a month"),
        "tokens_per_day": whole(fields, "tokens_per_day", "Tokens a day"),
        "tokens_per_month": whole(fields, "tokens_per_month", "Tokens a month"),
        "rate_per_s": number(fields, "rate_per_s", "Requests a second"),
        "burst": whole(fields, "burst", "Burst"),
        "max_in_flight": whole(fields, "max_in_flight", "Requests at the same time"),
        "result_retention_s": number(fields, "result_retention_s", "Seconds for which results are kept"),
    }


def shown_terms(terms: Mapping[str, Any]) -> list[tuple[str, str]]:
    """In words, without what is as the deployment has it."""
    return [
        (name.replace("_", " ").replace("usd", "$"), _term(name, value))
        for name, value in terms.items()
        if value not in (None, [])
    ]


def _term(name: str, value: Any) -> str:
    if "usd" in name:
        return usd(value)
    if name == "shadow_share":
        return f"{100 * value:g} %"
    return count(value) if isinstance(value, int | float) else value if isinstance(value, str) else ", ".join(value)
