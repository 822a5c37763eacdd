"""docs/errors.md, made from the catalogue. To renew it:

python -c "from shared.errors.page import errors_page; print(errors_page(), end='')" > docs/errors.md
"""

from collections.abc import Iterator

from shared.errors.catalogue import CATALOGUE, ErrorType, Kind
from shared.errors.failures import A_PROVIDER_MODEL, setup_tips, worded_tips

_HEAD = """\
# Errors

Every failure has one of these types. On `/v1` it is the `code` of the OpenAI error object, elsewhere the `error_type`
of a problem+json body (RFC 9457); both carry the `tips` below with the model and the host filled in, and, once the
request was accepted, the `inference_id` and every call that failed.

- **HTTP**: the status that the caller of the gateway sees when an inference ends with this type. A refusal of the
  caller's own request can have another one: 401 for a bad API key of this gateway, 403 for a missing scope, 404 for
  what does not exist here.
- **Again**: trying the same model again may help. Clients are told by the header `x-should-retry`.
- **Elsewhere**: another model may succeed, so the router falls back when it has one.

This page is made by `shared/errors/page.py` from `shared/errors/catalogue.py`.

| type | title | HTTP | again | elsewhere |
|---|---|---|---|---|
"""


def errors_page() -> str:
    rows = "".join(_row(error_type, kind) for error_type, kind in CATALOGUE.items())
    sections = "".join(_section(error_type, kind) for error_type, kind in CATALOGUE.items())
    return _HEAD + rows + sections


def _row(error_type: ErrorType, kind: Kind) -> str:
    cells = (
        f"[`{error_type}`](#{error_type})",
        kind.title,
        str(kind.http_status),
        _yes(kind.retryable),
        _yes(kind.fallback),
    )
    return f"| {' | '.join(cells)} |\n"


def _section(error_type: ErrorType, kind: Kind) -> str:
    return "\n".join(_lines(error_type, kind)) + "\n"


def _lines(error_type: ErrorType, kind: Kind) -> Iterator[str]:
    yield f"\n## {error_type}\n"
    yield f"{kind.title}.\n"
    yield from _listed(worded_tips(kind))
    if kind.provider_tips is not None:
        yield "\nWhen it is a provider's model:\n"
        yield from _listed(worded_tips(kind, A_PROVIDER_MODEL))
    if kind.setup_tips is not None:
        yield "\nWhile a model is being set up:\n"
        yield from _listed(setup_tips(error_type))


def _listed(tips: tuple[str, ...]) -> Iterator[str]:
    return (f"- {_readable(tip)}" for tip in tips)


def _readable(tip: str) -> str:
    """Angle brackets would be taken for HTML."""
    return tip.replace("<", "&lt;").replace(">", "&gt;")


def _yes(value: bool) -> str:
    return "yes" if value else "no"
