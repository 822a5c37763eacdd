"""Pure: the candidates for a request in the order to try them, and an account of every model there is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from shared.errors import Failure
from shared.events import CandidateConsidered, ModelHealthChanged
from shared.events.bounds import MAX_WORDS, cut
from shared.policies import Policy
from shared.registry import Model, TenantModels
from shared.selection.needs import Needs
from shared.selection.objections import UNKNOWN, Objection, objection, why_none
from shared.selection.ordering import Ranked, ranked

MOST_CONSIDERED = 500
_REMEMBERED = 2000


@dataclass(frozen=True, slots=True)
class Candidate:
    model: Model
    reason: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Candidates in the order to try them, and the account of every model that was looked at. unseen: of very many, how
    many were not."""

    candidates: tuple[Candidate, ...]
    considered: tuple[CandidateConsidered, ...]
    objections: Mapping[str, Objection] = field(default_factory=dict)
    unseen: int = 0

    def why_none(self, needs: Needs) -> Failure:
        """What to tell a caller for whom there is no candidate."""
        return why_none(self.objections, needs.reference)


def select(needs: Needs, models: TenantModels, health: Mapping[str, ModelHealthChanged] | None = None) -> Selection:
    """`health`: the newest health of each model, by id; a model without one is taken to be healthy."""
    policy = needs.options.policy or models.terms.policy
    known = [model for model in (*models.custom.values(), *models.provider.values()) if _is_seen(needs, model)]
    few = _few(needs, known)
    selection = _account(needs, ranked(needs, few, health or {}, policy), models, policy, len(known) - len(few))
    if needs.reference is None or models.get(needs.reference) is not None:
        return selection
    return _with_unknown(selection, needs.reference)


def _few(needs: Needs, known: list[Model]) -> list[Model]:
    """All; of very many the one that is named, those of providers, and then the oldest that are active. Each takes some
    50 µs, in which a router does nothing for anybody else."""
    if len(known) <= MOST_CONSIDERED:
        return known
    by_use = sorted(known, key=lambda model: (model.id != needs.reference, model.is_custom, not model.is_active))
    return by_use[:MOST_CONSIDERED]


def _account(needs: Needs, order: Iterable[Ranked], models: TenantModels, policy: Policy, unseen: int) -> Selection:
    candidates: list[Candidate] = []
    considered: list[CandidateConsidered] = []
    objections: dict[str, Objection] = {}
    first = models.get(needs.reference) if needs.reference is not None else None
    for model, reason in order:
        obstacle = objection(needs, model, models.terms, policy, len(candidates), first)
        if obstacle is None:
            first = first or model
            candidates.append(Candidate(model, reason))
        else:
            objections[model.id] = obstacle
        considered.append(_considered(model.id, obstacle.reason if obstacle else reason, chosen=obstacle is None))
    return Selection(tuple(candidates), tuple(considered), objections, unseen)


@lru_cache(maxsize=_REMEMBERED)
def _considered(model_id: str, reason: str, *, chosen: bool) -> CandidateConsidered:
    """Remembered, since request after request says the same of a tenant's models."""
    return CandidateConsidered(model=model_id, reason=cut(reason, MAX_WORDS), chosen=chosen)


def _is_seen(needs: Needs, model: Model) -> bool:
    """A model that is being set up (a draft) is considered only when the request names it, as its test does."""
    return not model.is_draft or model.id == needs.reference


def _with_unknown(selection: Selection, reference: str) -> Selection:
    """A request that came over Kafka may name what was never registered, or is not any more."""
    unknown = CandidateConsidered(model=reference, reason=UNKNOWN.reason, chosen=False)
    objections = {reference: UNKNOWN, **selection.objections}
    return replace(selection, considered=(unknown, *selection.considered), objections=objections)
