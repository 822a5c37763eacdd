"""Pure: in which order the models are tried, by policy. Each place comes with its reason."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from shared.events import ModelHealthChanged
from shared.policies import Policy
from shared.registry import Model
from shared.selection.needs import Needs

_UNKNOWN = math.inf  # a model whose price is not known comes last
_ANSWER_TOKENS = 500  # when a request does not say how long its answer may be, prices are compared for this


class Ranked(NamedTuple):
    model: Model
    reason: str


def ranked(
    needs: Needs, models: Sequence[Model], health: Mapping[str, ModelHealthChanged], policy: Policy
) -> list[Ranked]:
    """The named model first. Of the others, those that are not known to be unhealthy come first within their kind."""
    split = _split(needs, models)
    named = [Ranked(model, "named by the request") for model in models if model.id == needs.reference]
    others = [(model, place) for place, model in enumerate(models) if model.id != needs.reference]
    others.sort(key=lambda other: (*_rank(needs, other[0], health, policy), split.get(other[0].id, 0.0), other[1]))
    custom = _custom(models)
    return named + [Ranked(model, _reason(needs, model, custom, health, policy)) for model, _ in others]


class _Custom(NamedTuple):
    """All of a tenant's own models: how many, and the sum of their weights."""

    models: int
    weights: int


def _custom(models: Iterable[Model]) -> _Custom:
    weights = [model.weight or 0 for model in models if model.is_custom]
    return _Custom(len(weights), sum(weights))


def _rank(
    needs: Needs, model: Model, health: Mapping[str, ModelHealthChanged], policy: Policy
) -> tuple[float, float, float]:
    unwell = float(_is_unhealthy(model, health))
    match policy:
        case "cheapest":
            return unwell, _cost_usd(needs, model), 0.0
        case "fastest":
            return (
                unwell,
                _seconds(model, health) or 0.0,
                0.0,
            )  # not known counts as fast: never called, it would stay unknown
        case "provider_first":
            return float(model.is_custom), unwell, float(model.is_custom and not model.weight)
        case "custom_first" | "custom_only":
            return float(not model.is_custom), unwell, float(model.is_custom and not model.weight)


def _split(needs: Needs, models: Iterable[Model]) -> dict[str, float]:
    """Models that have a weight, in a random order in which each is first as often as its weight says.

    The request's id takes the place of chance: the same request always gets the same order.
    """
    return {
        model.id: -math.log(_chance(needs.split_by, model.id)) / model.weight
        for model in models
        if model.is_custom and model.weight
    }


def _chance(split_by: bytes, model_id: str) -> float:
    """Evenly spread over (0, 1]."""
    digest = hashlib.blake2b(model_id.encode(), key=split_by[:64], digest_size=8).digest()
    return (int.from_bytes(digest) + 1) / 2**64


def _reason(
    needs: Needs,
    model: Model,
    custom: _Custom,
    health: Mapping[str, ModelHealthChanged],
    policy: Policy,
) -> str:
    reasons = [_kind(needs, model, custom, policy)]
    if policy == "cheapest":
        cost = _cost_usd(needs, model)
        reasons.append("its price is not known" if cost == _UNKNOWN else f"about ${cost:.6f} for this request")
    if policy == "fastest":
        seconds = _seconds(model, health)
        reasons.append("its speed is not known" if seconds is None else f"answers in {seconds:.2f} s at the median")
    if model.is_custom and custom.weights and policy in {"custom_first", "custom_only", "provider_first"}:
        reasons.append(f"weight {model.weight or 0} of {custom.weights}")
    if _is_unhealthy(model, health):
        reasons.append(f"unhealthy: {health[model.id].reason}")
    return "; ".join(reasons)


def _kind(needs: Needs, model: Model, custom: _Custom, policy: Policy) -> str:
    if model.is_custom:
        return "the tenant's own model"
    is_fallback = policy == "custom_first" and (needs.reference is not None or custom.models > 0)
    return "provider model, as fallback" if is_fallback else "provider model"


def _is_unhealthy(model: Model, health: Mapping[str, ModelHealthChanged]) -> bool:
    known = health.get(model.id)
    return known is not None and known.status == "unhealthy"


def _cost_usd(needs: Needs, model: Model) -> float:
    if model.price is None:
        return _UNKNOWN
    return model.price.cost_usd(needs.prompt_tokens, needs.answer_tokens or _ANSWER_TOKENS)


def _seconds(model: Model, health: Mapping[str, ModelHealthChanged]) -> float | None:
    known = health.get(model.id)
    return None if known is None else known.p50_s
