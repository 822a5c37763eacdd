"""Pure: which models to try for a request, in which order, and why; and why each other model was passed over."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from shared.events import CandidateConsidered, RoutingOptions
from shared.registry import Model, TenantModels, canonical_reference

_CHARS_PER_TOKEN = 4  # a rough estimate; the endpoint has the last word


@dataclass(frozen=True, slots=True)
class Needs:
    """What a request asks of a model. tokens: prompt and answer, estimated."""

    reference: str | None
    tokens: int
    options: RoutingOptions


@dataclass(frozen=True, slots=True)
class Candidate:
    model: Model
    reason: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Candidates in the order to try them, and the account of every model that was looked at."""

    candidates: tuple[Candidate, ...]
    considered: tuple[CandidateConsidered, ...]

    @property
    def why_none(self) -> str:
        passed = "; ".join(f"{one.model}: {one.reason}" for one in self.considered if not one.chosen)
        return passed or "no model is registered and no provider is configured"


def needs_of(reference: str | None, body: dict[str, Any], body_bytes: int, options: RoutingOptions) -> Needs:
    wanted = body.get("max_completion_tokens") or body.get("max_tokens")
    answer = wanted if isinstance(wanted, int) else 0  # upstream services may send anything
    return Needs(canonical_reference(reference), body_bytes // _CHARS_PER_TOKEN + answer, options)


def select(needs: Needs, models: TenantModels) -> Selection:
    """The named model first; for auto the tenant's own, oldest first; provider models as fallback for both."""
    if needs.reference is None:
        ordered = [(model, "the tenant's own model") for model in models.custom.values()]
    else:
        named = models.get(needs.reference)
        ordered = [(named, "named by the request")] if named is not None else []
    ordered += [
        (model, "provider model, as fallback" if ordered else "provider model")
        for model in models.provider.values()
        if model.id != needs.reference
    ]
    return _account(needs, ordered)


def _account(needs: Needs, ordered: Iterable[tuple[Model, str]]) -> Selection:
    candidates: list[Candidate] = []
    considered: list[CandidateConsidered] = []
    for model, reason in ordered:
        objection = _objection(needs, model, candidates)
        if objection is None:
            candidates.append(Candidate(model, reason))
        considered.append(CandidateConsidered(model=model.id, reason=objection or reason, chosen=objection is None))
    return Selection(tuple(candidates), tuple(considered))


def _objection(needs: Needs, model: Model, chosen: list[Candidate]) -> str | None:
    named = model.id == needs.reference
    if not model.is_active and not (named and needs.options.allow_inactive):
        return "not active"
    if needs.options.no_fallback and (chosen or (needs.reference is not None and not named)):
        return "fallback was ruled out by the request"
    if not named and model.context_window is not None and needs.tokens > model.context_window:
        return f"about {needs.tokens} tokens are needed, its context window is {model.context_window}"
    return None
