"""docs/headers.md: every header that the gateway reads or says."""

from collections.abc import Iterator

from services.gateway.headers import ANSWER_HEADERS, REQUEST_HEADERS, Header

_HEAD = """\
# Headers

This page is made from the code by `tallygate documents` (`services/gateway/headers.py`); [openapi.json](openapi.json)
has the same, operation by operation.

## Requests

Beside `Authorization: Bearer <key>`, or `x-api-key: <key>`:

| header | on | what it says |
|---|---|---|
"""

_ANSWERS_HEAD = """
## Answers

Errors have them too.

| header | on | what it says |
|---|---|---|
"""

_ON = {
    "all": "everything",
    "keyed": "what is asked with a key",
    "openai": "`/v1`, but for `/v1/messages`",
    "anthropic": "`/v1/messages`",
    "asked": "inferences",
    "inference": "inferences, and what asks a model: tests, setups, codebase chat, feature jobs",
    "counted": "`/v1/messages/count_tokens`",
    "begun": "`POST /api/inferences`",
    "error": "errors",
}


def headers_page() -> str:
    return "".join((_HEAD, *_rows(REQUEST_HEADERS), _ANSWERS_HEAD, *_rows(ANSWER_HEADERS)))


def _rows(headers: tuple[Header, ...]) -> Iterator[str]:
    for header in headers:
        yield f"| `{header.name}` | {_ON[header.of]} | {header.says} |\n"
