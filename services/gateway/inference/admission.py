"""Pure: may a request be accepted? Bytes and headers in, values out, or a TallygateError that says why not."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeVar

from services.gateway.bodies import InvalidBodyError, flag, parse_json, validated, written_json
from services.gateway.headers import DEADLINE_HEADER, NO_FALLBACK_HEADER, POLICY_HEADER, PRIORITY_HEADER
from services.gateway.inference.schemas import OUR_FIELDS, ChatBody, CountedBody, MessagesBody
from shared.errors import TallygateError
from shared.events import RoutingOptions
from shared.operations import Operation, WireFormat
from shared.policies import POLICIES, Policy
from shared.priorities import PRIORITIES, Priority
from shared.registry import Model, TenantModels, canonical_reference
from shared.selection.objections import UNKNOWN, Objection, standing_objection, why_none

_Value = TypeVar("_Value", bound=str)

_PLAIN = RoutingOptions()
_AGENTS_MODELS = "custom:claude-"  # as coding agents name them when they are not told otherwise
_AGENT_TIP = (
    "Tell an agent which models there are, by ANTHROPIC_MODEL and ANTHROPIC_DEFAULT_HAIKU_MODEL (before: "
    "ANTHROPIC_SMALL_FAST_MODEL), or register one by the name that it sends: docs/messages.md"
)
# Headers of a caller that endpoints of Anthropic's form are told: its version, and what of later ones.
_PASSED_ON = ("anthropic-version", "anthropic-beta")
_MAX_PASSED = 2000
_PASSABLE = re.compile(rf"[\x20-\x7e]{{0,{_MAX_PASSED}}}")


class Deadlines(NamedTuple):
    """Seconds. default_s: when the request names no deadline. max_s: the longest that is granted."""

    default_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that may be published. `body`: of the operation, in its form, as JSON bytes. stream: the answer is
    told chunk by chunk; include_usage: with the chunk that says the usage. priority: as asked, if it was."""

    body: bytes
    model: str | None
    accepted_at: datetime
    deadline_at: datetime
    options: RoutingOptions = field(default_factory=RoutingOptions)
    stream: bool = False
    include_usage: bool = False
    operation: Operation = "chat"
    form: WireFormat = "openai"
    passed_headers: tuple[tuple[str, str], ...] = ()
    priority: Priority | None = None


class Routed(Protocol):
    """What bodies of every operation say for us: OUR_FIELDS, and the model."""

    deadline_s: float | None
    policy: Policy | None
    no_fallback: bool | None

    @property
    def model(self) -> str | None: ...


def admit_chat(body: bytes, headers: Mapping[str, str], now: datetime, deadlines: Deadlines) -> Admitted:
    return _admitted_chat(parse_json(body), body, headers, now, deadlines)


def admit_as_chat(
    fields: dict[str, Any], headers: Mapping[str, str], now: datetime, deadlines: Deadlines
) -> Admitted:  # fmt: skip
    """Of what was asked in another form. fields: of the chat's body that says the same."""
    return _admitted_chat(fields, None, headers, now, deadlines)


def _admitted_chat(
    fields: dict[str, Any], body: bytes | None, headers: Mapping[str, str], now: datetime, deadlines: Deadlines
) -> Admitted:  # fmt: skip
    chat = validated(ChatBody, fields)
    options = chat.stream_options
    return admitted(
        chat, fields, body, headers, now, deadlines,
        stream=bool(chat.stream), include_usage=options is not None and bool(options.include_usage),
    )  # fmt: skip


def admit_messages(body: bytes, headers: Mapping[str, str], now: datetime, deadlines: Deadlines) -> Admitted:
    """Of Anthropic's form."""
    fields = parse_json(body)
    asked = validated(MessagesBody, fields)
    return admitted(
        asked, fields, body, headers, now, deadlines,
        form="anthropic", passed_headers=_passed(headers), stream=bool(asked.stream),
    )  # fmt: skip


def admit_counting(body: bytes, headers: Mapping[str, str], now: datetime, deadlines: Deadlines) -> Admitted:
    """Of Anthropic's form, to have its tokens counted. There is nothing to stream."""
    fields = parse_json(body)
    if fields.get("stream") is not None:
        raise InvalidBodyError("stream: there is nothing to be streamed of a count", "stream")
    asked = validated(CountedBody, fields)
    return admitted(
        asked, fields, body, headers, now, deadlines, "count_tokens", form="anthropic", passed_headers=_passed(headers)
    )


def _without_ours(fields: dict[str, Any], body: bytes | None) -> bytes:
    if not OUR_FIELDS.isdisjoint(fields):
        return written_json({name: value for name, value in fields.items() if name not in OUR_FIELDS})
    return written_json(fields) if body is None else body


def _passed(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    passed = tuple((name, value) for name in _PASSED_ON if (value := headers.get(name)) is not None)
    for name, value in passed:
        if _PASSABLE.fullmatch(value) is None:
            raise InvalidBodyError(f"header {name} must be at most {_MAX_PASSED} printable ASCII characters", name)
    return passed


def admitted(
    asked: Routed, fields: dict[str, Any], body: bytes | None, headers: Mapping[str, str], now: datetime,
    deadlines: Deadlines, operation: Operation = "chat", *, form: WireFormat = "openai", stream: bool = False,
    include_usage: bool = False, passed_headers: tuple[tuple[str, str], ...] = (),
) -> Admitted:  # fmt: skip
    """fields: of the body, which is passed on without ours; as it was sent, if it was. Raises InvalidBodyError for a
    header that is wrong."""
    deadline_s = min(_deadline_s(asked, headers) or deadlines.default_s, deadlines.max_s)
    return Admitted(
        body=_without_ours(fields, body),
        model=asked.model,
        accepted_at=now,
        deadline_at=now + timedelta(seconds=deadline_s),
        options=routing_options(asked, headers),
        stream=stream,
        include_usage=include_usage,
        operation=operation,
        form=form,
        passed_headers=passed_headers,
        priority=priority_in(headers),
    )


def routing_options(asked: Routed, headers: Mapping[str, str]) -> RoutingOptions:
    """Fields of the body take precedence over headers. Raises InvalidBodyError for a header that says nothing known."""
    by_header = bool(flag(headers, NO_FALLBACK_HEADER))
    policy = asked.policy or _policy_in(headers)
    return _options(policy, by_header if asked.no_fallback is None else asked.no_fallback)


def _policy_in(headers: Mapping[str, str]) -> Policy | None:
    return _one_of(POLICIES, headers, POLICY_HEADER)


def priority_in(headers: Mapping[str, str]) -> Priority | None:
    """None when it is not said. Raises InvalidBodyError."""
    return _one_of(PRIORITIES, headers, PRIORITY_HEADER)


def _one_of(values: Sequence[_Value], headers: Mapping[str, str], name: str) -> _Value | None:
    text = headers.get(name)
    if text is None:
        return None
    for value in values:
        if value == text:
            return value
    raise InvalidBodyError(f"header {name} must be one of {', '.join(values)}", name)


@lru_cache(maxsize=100)
def _options(policy: Policy | None, no_fallback: bool) -> RoutingOptions:
    return RoutingOptions(policy=policy, no_fallback=no_fallback)


def known_model(
    models: TenantModels, reference: str | None, allowed: Sequence[str] | None = None, options: RoutingOptions = _PLAIN
) -> Model | None:
    """The model that was named, None for auto. Raises TallygateError when it is certain that no model can be used.

    allowed: patterns of the models that the caller's key may use.
    """
    model_id = canonical_reference(reference)
    if model_id is None:
        standing: dict[str, Objection] = {}
        for each in models.all:
            if (objection := standing_objection(each, models.terms, allowed)) is None:
                return None
            standing[each.id] = objection
        raise TallygateError.of(why_none(standing, None))
    model = models.get(model_id)
    if model is None:
        raise unknown_model(models, model_id, allowed)
    why_not = standing_objection(model, models.terms, allowed, tested=options.allow_inactive)
    if why_not is None or (why_not.error_type == "no_model_available" and _has_stand_in(models, allowed, options)):
        return model
    if why_not is UNKNOWN:
        raise unknown_model(models, model_id, allowed)
    raise TallygateError.of(why_none({model_id: why_not}, model_id))


def unknown_model(models: TenantModels, model_id: str, allowed: Sequence[str] | None) -> TallygateError:
    of_an_agent = (_AGENT_TIP,) if model_id.startswith(_AGENTS_MODELS) else ()
    return TallygateError(
        "model_not_found",
        f"there is no model {model_id!r} here",
        http_status=404,
        tips=(_usable_ids(models, allowed), *of_an_agent, *UNKNOWN.tips),
    )


def _has_stand_in(models: TenantModels, allowed: Sequence[str] | None, options: RoutingOptions) -> bool:
    """Whether a provider model may replace a model that is not ready; the router's selection decides which."""
    provider = models.provider.values()
    return not options.no_fallback and any(
        standing_objection(model, models.terms, allowed) is None for model in provider
    )


def _usable_ids(models: TenantModels, allowed: Sequence[str] | None) -> str:
    usable = (model.id for model in models.all if standing_objection(model, models.terms, allowed) is None)
    if some := list(islice(usable, 10)):
        return f"You can use: {', '.join(some)}"
    if models.all:
        return "You can use none at the moment; for each, why: tallygate models list"
    return "Register a model first: tallygate models add"


def _deadline_s(asked: Routed, headers: Mapping[str, str]) -> float | None:
    if asked.deadline_s is not None:
        return asked.deadline_s
    text = headers.get(DEADLINE_HEADER)
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 < seconds < float("inf"):
        raise InvalidBodyError(f"header {DEADLINE_HEADER} must be a number of seconds above 0", DEADLINE_HEADER)
    return seconds
