"""Pure: why a model cannot serve a request. The first objection that holds is told."""

from typing import NamedTuple

from shared.errors import ErrorType
from shared.policies import Policy
from shared.registry import Model, Terms
from shared.registry.terms import matches
from shared.selection.needs import Needs


class Objection(NamedTuple):
    """error_type: what the caller is told when nothing else is left."""

    error_type: ErrorType
    reason: str


def objection(needs: Needs, model: Model, terms: Terms, policy: Policy, chosen: int) -> Objection | None:
    """`chosen`: how many candidates stand before this model."""
    return (
        _not_permitted(needs, model, terms)
        or _not_ready(needs, model)
        or _not_wanted(needs, model, policy, chosen)
        or _not_able(needs, model)
    )


def _not_permitted(needs: Needs, model: Model, terms: Terms) -> Objection | None:
    allowed = needs.options.allowed_models
    if allowed is not None and not matches(allowed, model.id):
        return Objection("permission_denied", "the API key may not use it")
    if not model.is_custom and not terms.allows_provider_model(model.id):
        return Objection("provider_not_allowed", "the tenant's plan does not allow it")
    return None


def _not_ready(needs: Needs, model: Model) -> Objection | None:
    named = model.id == needs.reference
    if not model.is_active and not (named and needs.options.allow_inactive):
        return Objection("no_model_available", "not active")
    if model.lacks_key:
        return Objection("no_model_available", f"no key of {model.provider_name} is stored")
    return None


def _not_wanted(needs: Needs, model: Model, policy: Policy, chosen: int) -> Objection | None:
    named = model.id == needs.reference
    if needs.reference is not None and not named and model.is_custom:
        return Objection("no_model_available", "another model was named")
    if needs.options.no_fallback and (chosen or (needs.reference is not None and not named)):
        return Objection("no_model_available", "fallback was ruled out by the request")
    if policy == "custom_only" and not model.is_custom and not named:
        return Objection("no_model_available", "the policy custom_only leaves provider models out")
    return None


def _not_able(needs: Needs, model: Model) -> Objection | None:
    can = model.capabilities
    for needed, able, what in (
        (needs.streaming, can.streaming, "stream"),
        (needs.tools, can.tools, "call tools"),
        (needs.vision, can.vision, "see images"),
        (True, needs.task in can.tasks, f"be used for {needs.task}"),
    ):
        if needed and able is False:
            return Objection("no_model_available", f"it cannot {what}")
    if model.context_window is not None and needs.tokens > model.context_window:
        told = f"about {needs.tokens} tokens are needed, its context window is {model.context_window}"
        return Objection("context_length_exceeded", told)
    return None
