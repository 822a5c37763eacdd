"""Models as the page lists them, and forms about a model as the gateway takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.console.views.fields import Fields, given, number, price, text, whole

Model = Mapping[str, Any]

MOST_SHOWN = 200
_PREFIX = "custom:"


@dataclass(frozen=True, slots=True)
class Models:
    """shown: at most MOST_SHOWN of those that match. matching: how many do. total, states: of all."""

    shown: Sequence[Model]
    matching: int
    total: int
    states: Mapping[str, int]


def state_of(model: Model) -> str:
    """One word: unusable, or its health."""
    return str(model["health"]["status"]) if model["usable"] else "unusable"


def models(listed: Sequence[Model], query: Mapping[str, str]) -> Models:
    """query: `q`, a part of the name or of the server; `state`; `kind`, custom or provider. Own ones come first."""
    states: dict[str, int] = {}
    for model in listed:
        states[state_of(model)] = states.get(state_of(model), 0) + 1
    wanted = [model for model in listed if _matches(model, query)]
    wanted.sort(key=lambda model: (model["kind"] != "custom", model["id"]))
    return Models(wanted[:MOST_SHOWN], len(wanted), len(listed), states)


def _matches(model: Model, query: Mapping[str, str]) -> bool:
    part = query.get("q", "").lower()
    return (
        (not part or part in model["id"].lower() or part in model["server_address"].lower())
        and query.get("state") in (None, state_of(model))
        and query.get("kind") in (None, model["kind"])
    )


def setup_body(fields: Fields) -> dict[str, Any]:
    """For POST /api/models/setup. Raises TallygateError (400)."""
    name = text(fields, "model")
    return given(
        {
            "model_id": (text(fields, "model_id") or "").removeprefix(_PREFIX),
            "endpoint_url": text(fields, "endpoint_url"),
            "provider": text(fields, "provider"),
            "api_key": text(fields, "api_key"),
            "config": {"model": name} if name else None,
            "description": text(fields, "description"),
            "context_window": whole(fields, "context_window", "The context window"),
            "max_concurrency": whole(fields, "max_concurrency", "Calls at the same time"),
            "timeout_s": number(fields, "timeout_s", "The timeout"),
            "price": price(fields),
        }
    )


def probe_body(fields: Fields) -> dict[str, Any]:
    """For POST /api/models/probe."""
    names = ("endpoint_url", "provider", "api_key", "model")
    return given({name: text(fields, name) for name in names})


def change_body(fields: Fields) -> dict[str, Any]:
    """For PATCH /api/models/custom/{id}: the form has all of these fields, so what is empty is taken away. Only the
    stored key stays when no other one is given.

    Raises TallygateError (400)."""
    return given({"endpoint_url": text(fields, "endpoint_url"), "api_key": text(fields, "api_key")}) | {
        "description": fields.get("description", "").strip(),
        "price": price(fields),
        "context_window": whole(fields, "context_window", "The context window"),
        "max_concurrency": whole(fields, "max_concurrency", "Calls at the same time"),
        "timeout_s": number(fields, "timeout_s", "The timeout"),
        "weight": whole(fields, "weight", "The weight"),
    }
