"""The fields of a posted form, within bounds; and where to go when it is done."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from shared.errors import TallygateError

MOST_BYTES = 1_000_000  # the largest form is a question to a model
_MOST_FIELDS = 200
_FORM = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> dict[str, str]:
    """Of a field that comes twice, the last. Raises TallygateError (400, 413, 415)."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise TallygateError("invalid_request", "the form is not sent as one", http_status=415, tips=())
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise TallygateError("payload_too_large", f"the form is larger than {MOST_BYTES} bytes")
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise TallygateError("invalid_request", "the form cannot be read", tips=()) from None
    return dict(fields)


def local_path(fields: Mapping[str, str], default: str = "/") -> str:
    """The path of ours that the field `next` names, and nothing that leads elsewhere."""
    path = fields.get("next", default)
    plain = path.isprintable() and "\\" not in path
    return path if plain and path.startswith("/") and not path.startswith("//") else default
