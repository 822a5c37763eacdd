"""Headers of requests and answers: what the gateway reads, and what it says of every answer, errors too.

Each header stands in one of the two tables below, from which docs/headers.md and the OpenAPI document are made.
"""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from starlette.types import Scope

from shared.events import new_id
from shared.selection.budgets import Allowance

# What a path speaks: the bodies of errors and the names of headers are those of its callers' SDKs.
Surface = Literal["openai", "anthropic", "own"]
Part = tuple[bytes, bytes]

DEADLINE_HEADER = "x-tallygate-deadline-s"
NO_FALLBACK_HEADER = "x-tallygate-no-fallback"
POLICY_HEADER = "x-tallygate-policy"
CANCEL_HEADER = "x-tallygate-cancel-on-disconnect"
IDEMPOTENCY_HEADER = "idempotency-key"
REQUEST_ID_HEADER = "x-request-id"

INFERENCE_HEADER = "x-tallygate-inference-id"
MODEL_HEADER = "x-tallygate-model"
ATTEMPTS_HEADER = "x-tallygate-attempts"
REPLAYED_HEADER = "idempotency-replayed"
ANTHROPIC_REQUEST_ID_HEADER = "request-id"
PROCESSING_HEADER = "openai-processing-ms"

STARTED = "tallygate.started"  # in a request's scope: when it came, by time.perf_counter
ALLOWANCES = "tallygate.allowances"  # in a request's scope: tells the Allowances of its tenant, once that is known
_HEADERS = "tallygate.headers"  # in a request's scope: its headers, by name
_REQUEST_ID = "tallygate.request_id"

MAX_REQUEST_ID_CHARS = 255
_SENT_ID = re.compile(rf"[\x21-\x7e]{{1,{MAX_REQUEST_ID_CHARS}}}")
_INFERENCE_HEADER = INFERENCE_HEADER.encode()


class Allowances(NamedTuple):
    """What a tenant may still send. None: it has no such limit. tokens: of its budgets, the one with the least left."""

    requests: Allowance | None
    tokens: Allowance | None


def headers_of(scope: Scope) -> Mapping[str, str]:
    """By lower-case names; of a header that is repeated, the first. Read once a request."""
    found: dict[str, str] | None = scope.get(_HEADERS)
    if found is None:
        found = {}
        for name, value in scope["headers"]:
            found.setdefault(name.decode("latin-1"), value.decode("latin-1"))
        scope[_HEADERS] = found
    return found


def surface_of(path: str) -> Surface:
    if path != "/v1" and not path.startswith("/v1/"):
        return "own"
    return "anthropic" if path == "/v1/messages" or path.startswith("/v1/messages/") else "openai"


def request_id(scope: Scope, inference_id: str | None = None) -> str:
    """The caller's own x-request-id, where it can be told back; else the inference's id, else one of ours. It stays the
    same for the whole request."""
    known: str | None = scope.get(_REQUEST_ID)
    if known is None:
        sent = headers_of(scope).get(REQUEST_ID_HEADER, "")
        known = sent if _SENT_ID.fullmatch(sent) else inference_id or str(new_id())
        scope[_REQUEST_ID] = known
    return known


def standing_headers(scope: Scope, answered: list[Part]) -> list[Part]:
    """What every answer to a request says, beside what its route says in `answered`; by the names that the clients of
    its surface read."""
    inference_id = next((value for name, value in answered if name == _INFERENCE_HEADER), b"").decode()
    name_of = request_id(scope, inference_id or None).encode()
    surface, allowances = surface_of(scope["path"]), scope.get(ALLOWANCES)
    said: list[Part] = [(b"x-request-id", name_of)]
    if surface == "anthropic":
        said.append((b"request-id", name_of))
    elif surface == "openai":
        said.append((b"openai-processing-ms", b"%d" % round((time.perf_counter() - scope[STARTED]) * 1000)))
    if allowances is not None:
        told = allowances()
        limits = anthropic_limits if surface == "anthropic" else openai_limits
        said += limits("requests", told.requests) if told.requests else ()
        said += limits("tokens", told.tokens) if told.tokens else ()
    return said


Unit = Literal["requests", "tokens"]


def openai_limits(unit: Unit, allowance: Allowance) -> tuple[Part, ...]:
    """x-ratelimit-*, as OpenAI's and LangChain's clients read them: the time as 1h2m3s."""
    name, values = unit.encode(), (allowance.limit, allowance.remaining)
    return (
        (b"x-ratelimit-limit-" + name, b"%d" % values[0]),
        (b"x-ratelimit-remaining-" + name, b"%d" % values[1]),
        (b"x-ratelimit-reset-" + name, _duration(allowance.reset_s).encode()),
    )


def anthropic_limits(unit: Unit, allowance: Allowance) -> tuple[Part, ...]:
    """anthropic-ratelimit-*, as Anthropic's clients read them: the time as an instant."""
    prefix = b"anthropic-ratelimit-" + unit.encode()
    full_at = datetime.now(UTC) + timedelta(seconds=allowance.reset_s)
    return (
        (prefix + b"-limit", b"%d" % allowance.limit),
        (prefix + b"-remaining", b"%d" % allowance.remaining),
        (prefix + b"-reset", f"{full_at:%Y-%m-%dT%H:%M:%SZ}".encode()),
    )


def _duration(seconds: float) -> str:
    """As Go writes it: 0s, 12ms, 6m0s, 1h2m3s."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms" if seconds > 0 else "0s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"
