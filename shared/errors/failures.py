"""The one value that says what went wrong and what to do about it."""

from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from shared.errors.catalogue import CATALOGUE, ErrorType, Kind
from shared.errors.redact import redact

_LONGEST_WAIT_S = 1e10
_MAX_TIP_CHARS = 1000  # a tip may name what the caller sent
# A wait that never ends is none that could be told.
_OF_USE = BeforeValidator(
    lambda wait_s: None if isinstance(wait_s, float | int) and not wait_s <= _LONGEST_WAIT_S else wait_s
)


class Failure(BaseModel):
    """What went wrong, in the words of the catalogue; never holds a secret.

    retry_after_s: seconds after which trying again makes sense, when the other side said so.
    upstream_status: HTTP status of the model endpoint, when there was one.
    """

    model_config = ConfigDict(frozen=True)

    error_type: ErrorType
    title: Annotated[str, Field(max_length=1000)]
    detail: Annotated[str, Field(max_length=4000)]  # `failure` cuts it long before
    tips: Annotated[tuple[Annotated[str, Field(max_length=4000)], ...], Field(max_length=100)] = ()
    retryable: bool = False
    fallback: bool = False
    http_status: Annotated[int, Field(ge=100, le=999)] = 500
    retry_after_s: Annotated[Annotated[float, Field(ge=0, le=_LONGEST_WAIT_S)] | None, _OF_USE] = None
    upstream_status: Annotated[int, Field(ge=0, le=999)] | None = None


def failure(
    error_type: ErrorType,
    detail: str,
    *,
    model: str | None = None,
    host: str | None = None,
    http_status: int | None = None,
    title: str | None = None,
    tips: tuple[str, ...] | None = None,
    secrets: tuple[str, ...] = (),
    **more: Any,
) -> Failure:
    """A Failure worded by the catalogue; `detail` is redacted, tips name the model and host."""
    kind = CATALOGUE[error_type]
    return Failure(
        error_type=error_type,
        title=title or kind.title,
        detail=redact(detail, secrets),
        tips=tuple(tip[:_MAX_TIP_CHARS] for tip in (worded_tips(kind, model, host) if tips is None else tips)),
        retryable=kind.retryable,
        fallback=kind.fallback,
        http_status=http_status or kind.http_status,
        **more,
    )


# Stand for any such model where no particular one is meant.
_A_CUSTOM_MODEL = "custom:<model_id>"
A_PROVIDER_MODEL = "<provider>:<model>"


def worded_tips(kind: Kind, model: str | None = None, host: str | None = None) -> tuple[str, ...]:
    """The tips that fit the model, with it and the host in them. Without a model, those for a custom one."""
    model = model or _A_CUSTOM_MODEL
    before, colon, after = model.partition(":")
    name, provider = (after, before) if colon else (before, "custom")
    tips = kind.tips if provider == "custom" or kind.provider_tips is None else kind.provider_tips
    words = {"model": model, "name": name, "provider": provider, "host": host or "the endpoint"}
    return tuple(_fill(tip, words) for tip in tips)


def setup_tips(error_type: ErrorType, host: str | None = None) -> tuple[str, ...]:
    """What to do while a model is being set up: nothing is stored that could be changed or tested."""
    kind = CATALOGUE[error_type]
    return worded_tips(kind if kind.setup_tips is None else replace(kind, tips=kind.setup_tips), None, host)


def _fill(tip: str, words: dict[str, str]) -> str:
    for name, value in words.items():
        tip = tip.replace("{" + name + "}", value)
    return tip


class TallygateError(Exception):
    """An expected failure; the caller of an API or a command gets its Failure, never a traceback."""

    def __init__(self, error_type: ErrorType, detail: str, **more: Any) -> None:
        self.failure = failure(error_type, detail, **more)
        super().__init__(f"{error_type}: {self.failure.detail}")

    @classmethod
    def of(cls, known: Failure) -> "TallygateError":
        error = cls(known.error_type, known.detail)
        error.failure = known
        return error


class ConfigurationError(TallygateError):
    """A service cannot start as configured; the detail names the setting and how to mend it."""

    def __init__(self, detail: str) -> None:
        super().__init__("internal", detail, tips=())
