"""Pure: why a model cannot serve a request. The first objection that applies is reported."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import NamedTuple

from shared.errors import ErrorType, Failure, failure
from shared.policies import Policy
from shared.registry import Model, Terms
from shared.registry.models import same_model, task_of
from shared.registry.terms import matches
from shared.selection.needs import Needs
from shared.wire import exchange_of


class Objection(NamedTuple):
    """error_type: of the failure when no model is left. tips: where those of the error type do not fit."""

    error_type: ErrorType
    reason: str
    tips: tuple[str, ...] = ()


UNKNOWN = Objection(
    "model_not_found",
    "there is no such model here",
    ("List what you can use: tallygate models list (GET /v1/models)",),
)

# Types that models cause too are worded for what they mean here: the caller's own request.
_TOLD = 100  # models, with what stands against each: a text of more would be cut
_OWN_STATUS: Mapping[ErrorType, int] = {"permission_denied": 403, "model_not_found": 404}
_OWN_TITLE: Mapping[ErrorType, str] = {"permission_denied": "Your API key may not use this model"}


def objection(
    needs: Needs, model: Model, terms: Terms, policy: Policy, chosen: int, first: Model | None = None
) -> Objection | None:
    """chosen: how many candidates stand before this model. first: that was named, or else is the first candidate."""
    tested = needs.options.allow_inactive and model.id == needs.reference
    return (
        standing_objection(model, terms, needs.options.allowed_models, tested=tested)
        or _not_wanted(needs, model, policy, chosen)
        or _of_another_space(needs, model, first)
        or _not_able(needs, model)
    )


def standing_objection(
    model: Model, terms: Terms, allowed: Iterable[str] | None, *, tested: bool = False
) -> Objection | None:
    """Why a model serves no request at all of a key, whatever is asked.

    allowed: patterns of the models that the key may use; None for all. tested: by a request that is the model's test,
    which calls it active or not.
    """
    if model.is_draft and not tested:
        return UNKNOWN
    if allowed is not None and not matches(allowed, model.id):
        return _not_for_this_key(allowed)
    if not model.is_custom and not terms.allows_provider_model(model.id):
        tips = ("Use one of your own models, or ask your operator to allow the provider.",)
        return Objection("provider_not_allowed", "the tenant's plan does not allow it", tips)
    if not model.is_active and not tested:
        tips = (f"Activate it: tallygate models activate {model.id}",)
        return Objection("no_model_available", "not active", tips)
    if model.lacks_key:
        provider = model.provider_name
        tips = (f"Store one: tallygate providers set-key {provider} (PUT /api/providers/{provider}/key)",)
        return Objection("no_model_available", f"no key of {provider} is stored", tips)
    return None


_WITHOUT_A_STREAM = ('Ask for the answer as a whole: "stream": false, or tallygate chat --no-stream.',)


def why_none(objections: Mapping[str, Objection], reference: str | None) -> Failure:
    """What to tell a caller whom no model can serve: of the model that was named, or on what all models agree."""
    passed = "; ".join(f"{model}: {objection.reason}" for model, objection in islice(objections.items(), _TOLD))
    detail = passed or "no model is registered and no provider is configured"
    named = objections.get(reference or "")
    decisive = named or _agreed(objections.values())
    return failure(
        decisive.error_type,
        detail,
        model=reference,
        http_status=_OWN_STATUS.get(decisive.error_type),
        title=_OWN_TITLE.get(decisive.error_type),
        tips=decisive.tips or None,
    )


def _agreed(objections: Iterable[Objection]) -> Objection:
    types, tips = {objection.error_type for objection in objections}, {objection.tips for objection in objections}
    return Objection(types.pop() if len(types) == 1 else "no_model_available", "", tips.pop() if len(tips) == 1 else ())


def _not_for_this_key(allowed: Iterable[str]) -> Objection:
    tips = (
        f"This key may use: {', '.join(allowed) or 'no model'}",
        "Use another key, or ask your operator for one that may: tallygate keys create --model <pattern>",
    )
    return Objection("permission_denied", "the API key may not use it", tips)


def _not_wanted(needs: Needs, model: Model, policy: Policy, chosen: int) -> Objection | None:
    named = model.id == needs.reference
    if needs.reference is not None and not named and model.is_custom:
        return Objection("no_model_available", "another model was named")
    if needs.options.no_fallback and (chosen or (needs.reference is not None and not named)):
        return Objection("no_model_available", "fallback was ruled out by the request")
    if policy == "custom_only" and not model.is_custom and not named:
        return Objection("no_model_available", "the policy custom_only leaves provider models out")
    return None


def _of_another_space(needs: Needs, model: Model, first: Model | None) -> Objection | None:
    """Vectors of two models cannot be compared, and nobody sees it of them: only the same model stands in for one."""
    if needs.operation != "embeddings" or model.id in (needs.reference, first.id if first else None):
        return None
    if first is None:
        return None if needs.reference is None else Objection("no_model_available", "another model was named")
    if same_model(first.upstream_model, model.upstream_model):
        return None
    return Objection("no_model_available", f"its vectors cannot be compared with those of {first.id}")


def _not_able(needs: Needs, model: Model) -> Objection | None:
    can = model.capabilities
    if needs.streaming and can.streaming is False:
        return _cannot("stream", _WITHOUT_A_STREAM)
    if needs.tools and can.tools is False:
        return _cannot("call tools")
    if needs.vision and can.vision is False:
        return _cannot("see images")
    if not _does(needs, model):
        return _cannot(f"be used for {needs.operation}", _tasks_tips(needs, model))
    if exchange_of(needs.operation, needs.form, model.wire_format) is None:
        return _cannot(f"do {needs.operation} in the format {model.wire_format}")
    if model.context_window is not None and needs.tokens > model.context_window:
        reason = f"about {needs.tokens} tokens are needed, its context window is {model.context_window}"
        return Objection("context_length_exceeded", reason)
    return None


def _cannot(what: str, tips: tuple[str, ...] = ()) -> Objection:
    return Objection("no_model_available", f"it cannot {what}", tips)


def _does(needs: Needs, model: Model) -> bool:
    """What a model can is often not known: then whoever names it is believed."""
    task = task_of(needs.operation)
    if model.capabilities.tasks is None and model.id == needs.reference:
        return True
    return task in model.likely_tasks


def _tasks_tips(needs: Needs, model: Model) -> tuple[str, ...]:
    others = f"Name a model whose tasks hold {task_of(needs.operation)}: tallygate models list (GET /v1/models)"
    if not model.is_custom:
        return (others,)
    return (f"If it can, add it to capabilities.tasks: PATCH /api/models/custom/{model.name}", others)
