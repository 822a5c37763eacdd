"""Headers of requests and answers: what the gateway reads, and what it says of every answer, errors too.

Each header stands in one of the two tables below, from which docs/headers.md and the OpenAPI document are made.
"""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from starlette.types import Scope

from shared.events import new_id
from shared.events.bounds import MOST_TAGS, SESSION, TAG_NAME
from shared.policies import POLICIES
from shared.priorities import PRIORITIES
from shared.selection.budgets import Allowance

# What a path speaks: the bodies of errors and the names of headers are those of its callers' SDKs.
Surface = Literal["openai", "anthropic", "own"]
Part = tuple[bytes, bytes]

DEADLINE_HEADER = "x-tallygate-deadline-s"
NO_FALLBACK_HEADER = "x-tallygate-no-fallback"
POLICY_HEADER = "x-tallygate-policy"
PRIORITY_HEADER = "x-tallygate-priority"
SESSION_HEADER = "x-tallygate-session"
TAGS_HEADER = "x-tallygate-tags"
CANCEL_HEADER = "x-tallygate-cancel-on-disconnect"
IDEMPOTENCY_HEADER = "idempotency-key"
PERSON_HEADER = "x-tallygate-person"
REQUEST_ID_HEADER = "x-request-id"

INFERENCE_HEADER = "x-tallygate-inference-id"
MODEL_HEADER = "x-tallygate-model"
ATTEMPTS_HEADER = "x-tallygate-attempts"
REPLAYED_HEADER = "idempotency-replayed"
USAGE_HEADER = "x-tallygate-usage"
LOCATION_HEADER = "location"
ANTHROPIC_REQUEST_ID_HEADER = "request-id"
PROCESSING_HEADER = "openai-processing-ms"

STARTED = "tallygate.started"  # in a request's scope: when it came, by time.perf_counter
ALLOWANCES = "tallygate.allowances"  # in a request's scope: tells the Allowances of its tenant, once that is known
_HEADERS = "tallygate.headers"  # in a request's scope: its headers, by name
_REQUEST_ID = "tallygate.request_id"

MAX_REQUEST_ID_CHARS = 255
MAX_PERSON_CHARS = 200
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
    if path != "/v1" and not path.startswith(("/v1/", "/v2/")):
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
_UNITS: tuple[Unit, ...] = ("requests", "tokens")
_SAID = ("limit", "remaining", "reset")
_OPENAI_NAMES = {unit: tuple(f"x-ratelimit-{said}-{unit}".encode() for said in _SAID) for unit in _UNITS}
_ANTHROPIC_NAMES = {unit: tuple(f"anthropic-ratelimit-{unit}-{said}".encode() for said in _SAID) for unit in _UNITS}


def openai_limits(unit: Unit, allowance: Allowance) -> tuple[Part, ...]:
    """x-ratelimit-*, as OpenAI's and LangChain's clients read them: the time as 1h2m3s."""
    limit, remaining, reset = _OPENAI_NAMES[unit]
    return (
        (limit, b"%d" % allowance.limit),
        (remaining, b"%d" % allowance.remaining),
        (reset, _duration(allowance.reset_s)),
    )


def anthropic_limits(unit: Unit, allowance: Allowance) -> tuple[Part, ...]:
    """anthropic-ratelimit-*, as Anthropic's clients read them: the time as an instant."""
    limit, remaining, reset = _ANTHROPIC_NAMES[unit]
    return (
        (limit, b"%d" % allowance.limit),
        (remaining, b"%d" % allowance.remaining),
        (reset, _instant(int(time.time() + allowance.reset_s))),
    )


@lru_cache(maxsize=100)
def _instant(at_s: int) -> bytes:
    """at_s: since 1970. Many answers of one second say the same."""
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%SZ}".encode()


def _duration(seconds: float) -> bytes:
    """As Go writes it: 0s, 12ms, 6m0s, 1h2m3s."""
    if seconds < 1:
        return b"%dms" % round(seconds * 1000) if seconds > 0 else b"0s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return b"%dh%dm%ds" % (hours, minutes, rest)
    return b"%dm%ds" % (minutes, rest) if minutes else b"%ds" % rest


class Header(NamedTuple):
    """One header of the documents. schema: of its value. of: which requests take it, or which answers have it; `asked`:
    of an inference, and not of what the gateway asks a model on its own account, as for a test; `counted`: of
    /v1/messages/count_tokens."""

    name: str
    says: str
    schema: Mapping[str, Any]
    of: Literal["all", "keyed", "openai", "anthropic", "asked", "inference", "counted", "begun", "error"]


_TEXT, _WHOLE = {"type": "string"}, {"type": "integer", "minimum": 0}
_TAG = TAG_NAME + "=[!-+\\x2d-~]([ -+\\x2d-~]{0,254}[!-+\\x2d-~])?"  # of its value, no comma and no space at its ends
_UUID = {"type": "string", "format": "uuid"}

REQUEST_HEADERS = (
    Header(
        REQUEST_ID_HEADER,
        f"The caller's own id of the request, at most {MAX_REQUEST_ID_CHARS} printable ASCII characters. It comes "
        "back in the answer; another value is replaced.",
        _TEXT, "all",
    ),
    Header(
        PERSON_HEADER, "Who acts with the key, by its holder's word, for the record of changes (GET /api/changes), "
        f"percent-encoded where it is not ASCII; {MAX_PERSON_CHARS} characters are kept.", _TEXT, "all",
    ),
    Header("traceparent", "W3C trace context: the caller's trace goes on here.", _TEXT, "all"),
    Header("tracestate", "W3C trace context: goes through with it.", _TEXT, "all"),
    Header(
        DEADLINE_HEADER, "After so many seconds an answer is of no more use. The body's deadline_s goes before it.",
        {"type": "number", "exclusiveMinimum": 0}, "asked",
    ),
    Header(
        POLICY_HEADER, "How models are chosen. The body's policy goes before it.",
        {"type": "string", "enum": list(POLICIES)}, "asked",
    ),
    Header(
        PRIORITY_HEADER, "Which of those that wait goes first. Otherwise interactive, and normal in the background. "
        "A key may have a most urgent one, which then counts. docs/lanes.md",
        {"type": "string", "enum": list(PRIORITIES)}, "asked",
    ),
    Header(
        NO_FALLBACK_HEADER, "No other model answers in place of the one that is named. The body's no_fallback goes "
        "before it.", {"type": "boolean"}, "asked",
    ),
    Header(
        SESSION_HEADER, "The session that the request belongs to, to find it again in lists and exports, and whose cap "
        "holds for it. It is kept in the clear, and told to no endpoint.",
        {"type": "string", "pattern": f"^({SESSION})?$"}, "inference",
    ),
    Header(
        TAGS_HEADER, f"At most {MOST_TAGS} tags, as team=search,env=prod: the same for whatever else the caller knows "
        "its requests by. A name has at most 64 characters, a value 256, none of them a comma.",
        {"type": "string", "pattern": f"^({_TAG}(,{_TAG}){{0,{MOST_TAGS - 1}}})?$"}, "inference",
    ),
    Header(
        CANCEL_HEADER, "Whether the inference is cancelled when its caller is gone. Otherwise it goes on, and can be "
        "asked for by its id.", {"type": "boolean"}, "inference",
    ),
    Header(
        IDEMPOTENCY_HEADER, "The same key with the same body gets the answer of the first request, for a day.",
        {"type": "string", "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"}, "inference",
    ),
)  # fmt: skip

ANSWER_HEADERS = (
    Header(
        REQUEST_ID_HEADER, "The caller's own, where it could be told back; else the inference's id; else one of ours. "
        "On every answer.", _TEXT, "all",
    ),
    Header(ANTHROPIC_REQUEST_ID_HEADER, "The same, by the name that Anthropic's clients read.", _TEXT, "anthropic"),
    Header(
        PROCESSING_HEADER, "Milliseconds from the request's head to the answer's; of a stream, to its beginning.",
        _WHOLE, "openai",
    ),
    *(
        header
        for unit, which in (
            ("requests", "that the tenant may send at once"),
            ("tokens", "of the budget, by UTC day or month, that has the least left"),
        )
        for header in (
            Header(f"x-ratelimit-limit-{unit}", f"How many {unit}, {which}.", _WHOLE, "keyed"),
            Header(f"x-ratelimit-remaining-{unit}", f"How many of these {unit} are left.", _WHOLE, "keyed"),
            Header(
                f"x-ratelimit-reset-{unit}", "In what time all of them are there again, as 1h2m3s, 6m0s or 12ms.",
                {"type": "string", "pattern": "^(([0-9]+h)?([0-9]+m)?[0-9]+s|[0-9]+ms)$"}, "keyed",
            ),
            Header(
                f"anthropic-ratelimit-{unit}-limit, -remaining, -reset", "The same below /v1/messages; -reset as an "
                "instant of RFC 3339.", _TEXT, "anthropic",
            ),
        )
    ),
    Header("retry-after", "Whole seconds after which to try again.", {"type": "integer", "minimum": 1}, "error"),
    Header("retry-after-ms", "The same in milliseconds.", {"type": "integer", "minimum": 1}, "error"),
    Header(
        "x-should-retry", "Whether the same request may succeed when it is sent again; SDKs obey it.",
        {"type": "string", "enum": ["true", "false"]}, "error",
    ),
    Header(INFERENCE_HEADER, "The id of the inference: its timeline is at /api/inferences/{id}.", _UUID, "inference"),
    Header(MODEL_HEADER, "The model that answered. A stream's chunks name it instead.", _TEXT, "inference"),
    Header(ATTEMPTS_HEADER, "How many calls of models it took; not said of a stream.", _WHOLE, "inference"),
    Header(LOCATION_HEADER, "Where the inference that was accepted is told.", _TEXT, "begun"),
    Header(
        USAGE_HEADER, "Whether the endpoint counted the tokens, or they are an estimate.",
        {"type": "string", "enum": ["reported", "estimated"]}, "counted",
    ),
    Header(
        REPLAYED_HEADER, "true: this is the answer of an earlier request with the same Idempotency-Key.",
        {"type": "string", "enum": ["true"]}, "inference",
    ),
)  # fmt: skip
