"""Pure: what the steps of a probe mean. What an endpoint answered goes in; steps, names and a wire format come out."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import orjson

from services.gateway.models.endpoint_listing import Listing, read_listing
from shared.errors import ErrorType, Failure, failure
from shared.errors.classify import UpstreamError, classify
from shared.errors.failures import setup_tips
from shared.errors.redact import redact
from shared.wire import WireFormat

StepName = Literal["dns", "tcp", "tls", "auth", "model", "answer"]

# A key may be allowed to complete and not to list: OpenAI's restricted keys say so with a 403.
_ONLY_LISTING_DENIED = re.compile(r"missing scopes?|api\.model\.read", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Step:
    """ok: None when it is not known. error: why it failed."""

    step: StepName
    ok: bool | None
    duration_s: float
    detail: str
    error: Failure | None = None

    def shown(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "ok": self.ok,
            "duration_s": round(self.duration_s, 4),
            "detail": self.detail,
            "error": _problem(self.error) if self.error else None,
        }


class Asked(NamedTuple):
    """An answer to GET <base>/models."""

    wire_format: WireFormat
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def listing(self) -> Listing | None:
        return read_listing(self.body) if self.status == 200 else None


class Subject(NamedTuple):
    """What a failure is about. host: host:port. model: its id when it is stored. secrets: never shown."""

    host: str
    model: str | None = None
    secrets: tuple[str, ...] = ()


def spoken_wire_format(asked: Sequence[Asked]) -> WireFormat | None:
    """The wire format that the answers prove; None when they prove none."""
    if (answer := listed(asked)) is not None and answer.listing is not None:
        return answer.listing.wire_format or answer.wire_format
    return "anthropic" if any(_is_anthropic_error(answer.body) for answer in asked) else None


def listed(asked: Sequence[Asked]) -> Asked | None:
    """The answer that holds a list of models."""
    return next((answer for answer in asked if answer.listing is not None), None)


def auth_step(asked: Asked | None, subject: Subject, has_key: bool, duration_s: float) -> Step:
    """`asked` None: the listing did not come in time."""
    if asked is None:
        return Step("auth", None, duration_s, "the list of models did not come in time; a completion will tell")
    if asked.status == 200:
        given = "with this key" if has_key else "without a key"
        return Step("auth", True, duration_s, f"{subject.host} answered GET /models {given}")
    if asked.status in (401, 403) and not _ONLY_LISTING_DENIED.search(UpstreamError.parse(asked.body).message):
        refusal = classify(
            asked.status, asked.headers, asked.body,
            model=subject.model or "", host=subject.host, secrets=subject.secrets,
        )  # fmt: skip
        return failed_step("auth", worded(refusal, subject), duration_s)
    return Step("auth", None, duration_s, f"{subject.host} answered GET /models with {asked.status}")


def model_step(listing: Listing | None, name: str | None, subject: Subject) -> Step:
    """A name that is not listed may still be served, for example as an alias, so it is no failure."""
    if listing is None:
        return Step("model", None, 0.0, f"{subject.host} does not list its models; a completion will tell")
    count = f"{len(listing.models)} model{'' if len(listing.models) == 1 else 's'}"
    if name is None:
        return Step("model", None, 0.0, f"{subject.host} lists {count}; none was named")
    if (found := listing.find(name)) is not None:
        tokens = f", with a context window of {found.context_window} tokens" if found.context_window else ""
        return Step("model", True, 0.0, f"{subject.host} lists it{tokens}")
    near = difflib.get_close_matches(name, [model.name for model in listing.models], 3)
    meant = f"; did you mean {' or '.join(near)}?" if near else ""
    detail = redact(f"it is not among the {count} that {subject.host} lists{meant}", subject.secrets)
    return Step("model", None, 0.0, detail)


def failed_step(step: StepName, why: Failure, duration_s: float) -> Step:
    return Step(step, False, duration_s, why.detail, why)


def failed(error_type: ErrorType, detail: str, subject: Subject, **more: Any) -> Failure:
    plain = failure(
        error_type, f"{subject.host} {detail}",
        model=subject.model, host=subject.host, secrets=subject.secrets, **more,
    )  # fmt: skip
    return worded(plain, subject)


def worded(refusal: Failure, subject: Subject) -> Failure:
    """The refusal; for a model that is not stored, with the tips for a setup."""
    if subject.model:
        return refusal
    return refusal.model_copy(update={"tips": setup_tips(refusal.error_type, subject.host)})


def _problem(refusal: Failure) -> dict[str, Any]:
    return {"error_type": refusal.error_type, "title": refusal.title, "detail": refusal.detail, "tips": refusal.tips}


def _is_anthropic_error(body: bytes) -> bool:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(parsed, dict) and parsed.get("type") == "error" and isinstance(parsed.get("error"), dict)
