"""Pure: from a request that a record holds to what HTTP would have been asked."""

import hashlib
from datetime import datetime, timedelta

import orjson

from services.gateway.background.asking import BackgroundOperation
from services.gateway.bodies import InvalidBodyError
from services.gateway.headers import PRIORITY_HEADER
from services.gateway.inference.admission import Admitted, Deadlines
from shared.events import RoutingOptions
from shared.events.bounds import instant_of
from shared.events.upstream import UpstreamOptions, UpstreamRequest
from shared.kafka import ConsumerRecord

_CLOCKS_DIFFER = timedelta(hours=1)


def digest_of(request: UpstreamRequest) -> bytes:
    """Of what is asked for: the same id with another digest is a mistake of its sender."""
    asked = (request.operation_name, request.form, request.request_model, request.input)
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).digest()


def operation_of(request: UpstreamRequest) -> BackgroundOperation:
    """A chat in Anthropic's form is called `messages`. Raises InvalidBodyError."""
    if request.operation_name == "messages" or (request.operation_name, request.form) == ("chat", "anthropic"):
        if request.form == "openai" and "form" in request.model_fields_set:
            raise InvalidBodyError("form: messages has the form anthropic only", "form")
        return "messages"
    if request.form != "openai":
        raise InvalidBodyError(f"form: {request.operation_name} has the form openai only", "form")
    return request.operation_name


def body_of(request: UpstreamRequest) -> bytes:
    """As it would be sent over HTTP."""
    named = {} if request.request_model is None else {"model": request.request_model}
    return orjson.dumps(request.input | named)


def headers_of(request: UpstreamRequest) -> dict[str, str]:
    """What over HTTP is said in headers."""
    return {} if request.priority is None else {PRIORITY_HEADER: request.priority}


def asked_by_kafka(
    admitted_body: Admitted, request: UpstreamRequest, record: ConsumerRecord, now: datetime, deadlines: Deadlines
) -> Admitted:
    """With the times of its sender, whose clock may be wrong, and its options. Nobody follows its chunks."""
    accepted_at = request.accepted_at or instant_of(record.timestamp) or now
    if accepted_at > now + _CLOCKS_DIFFER:
        accepted_at = now
    latest = accepted_at + timedelta(seconds=deadlines.max_s)
    asked_until = request.deadline_at or accepted_at + (admitted_body.deadline_at - admitted_body.accepted_at)
    return Admitted(
        body=admitted_body.body,
        model=admitted_body.model,
        accepted_at=accepted_at,
        deadline_at=min(asked_until, latest),
        options=_options(admitted_body.options, request.options),
        operation=admitted_body.operation,
        form=admitted_body.form,
        priority=admitted_body.priority,
    )


def _options(in_body: RoutingOptions, beside: UpstreamOptions) -> RoutingOptions:
    if beside.policy is None and not beside.no_fallback:
        return in_body
    return RoutingOptions(policy=beside.policy or in_body.policy, no_fallback=beside.no_fallback or in_body.no_fallback)
