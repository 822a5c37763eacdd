"""Pure: the candidates for a request in the order to try them, and an account of every model there is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from shared.errors import ErrorType, Failure, failure
from shared.events import CandidateConsidered, ModelHealthChanged
from shared.policies import Policy
from shared.registry import Model, TenantModels
from shared.selection.needs import Needs
from shared.selection.objections import Objection, objection
from shared.selection.ordering import Ranked, ranked


@dataclass(frozen=True, slots=True)
class Candidate:
    model: Model
    reason: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Candidates in the order to try them, and the account of every model that was looked at."""

    candidates: tuple[Candidate, ...]
    considered: tuple[CandidateConsidered, ...]
    objections: Mapping[str, Objection] = field(default_factory=dict)

    def why_none(self, needs: Needs) -> Failure:
        """What to tell a caller for whom there is no candidate."""
        named = self.objections.get(needs.reference or "")
        passed = "; ".join(f"{one.model}: {one.reason}" for one in self.considered if not one.chosen)
        detail = passed or "no model is registered and no provider is configured"
        return _worded(_error_type(named, self.objections.values()), detail, needs)


def select(needs: Needs, models: TenantModels, health: Mapping[str, ModelHealthChanged] | None = None) -> Selection:
    """`health`: the books' newest word on each model, by id; a model without one is taken to be healthy."""
    policy = needs.options.policy or models.terms.policy
    known = [model for model in (*models.custom.values(), *models.provider.values()) if _is_seen(needs, model)]
    selection = _account(needs, ranked(needs, known, health or {}, policy), models, policy)
    if needs.reference is None or any(model.id == needs.reference for model in known):
        return selection
    return _with_unknown(selection, needs.reference)


def _account(needs: Needs, order: Iterable[Ranked], models: TenantModels, policy: Policy) -> Selection:
    candidates: list[Candidate] = []
    considered: list[CandidateConsidered] = []
    objections: dict[str, Objection] = {}
    for model, reason in order:
        told = objection(needs, model, models.terms, policy, len(candidates))
        if told is None:
            candidates.append(Candidate(model, reason))
        else:
            objections[model.id] = told
        considered.append(
            CandidateConsidered(model=model.id, reason=told.reason if told else reason, chosen=told is None)
        )
    return Selection(tuple(candidates), tuple(considered), objections)


def _is_seen(needs: Needs, model: Model) -> bool:
    """A model that is being set up is there for its own test only."""
    return not model.is_draft or model.id == needs.reference


def _error_type(named: Objection | None, objections: Iterable[Objection]) -> ErrorType:
    """That of the model that was named; for auto the one on which all agree."""
    if named is not None:
        return named.error_type
    types = {one.error_type for one in objections}
    return types.pop() if len(types) == 1 else "no_model_available"


def _with_unknown(selection: Selection, reference: str) -> Selection:
    """A request that came over Kafka may name what was never registered, or is not any more."""
    unknown = Objection("model_not_found", "there is no such model here")
    told = CandidateConsidered(model=reference, reason=unknown.reason, chosen=False)
    objections = {reference: unknown, **selection.objections}
    return Selection(selection.candidates, (told, *selection.considered), objections)


def _worded(error_type: ErrorType, detail: str, needs: Needs) -> Failure:
    """Types that models cause too are worded for what they mean here: the caller's own request."""
    match error_type:
        case "permission_denied":
            tips = ("Use a key that may use the model; see which models a key may use: tallygate keys list",)
            return failure(error_type, detail, http_status=403, title="Your API key may not use this model", tips=tips)
        case "model_not_found":
            tips = ("List what you can use: tallygate models list (GET /v1/models)",)
            return failure(error_type, detail, http_status=404, tips=tips)
        case _:
            return failure(error_type, detail, model=needs.reference)
