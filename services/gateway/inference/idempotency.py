"""Pure: an Idempotency-Key, and what it stands for."""

import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from services.gateway.bodies import InvalidBodyError
from services.gateway.headers import IDEMPOTENCY_HEADER
from shared.errors import TallygateError

_KEY = re.compile(r"[\x20-\x7e]{1,255}")


class IdempotencyKey(NamedTuple):
    """A key as a tenant sent it to a route, and the digest of the body that came with it."""

    tenant_id: str
    route: str
    text: str
    body_sha256: bytes


class KnownKey(NamedTuple):
    """What a key stands for since it was first sent. id: of the inference or of the feature job."""

    id: UUID
    body_sha256: bytes
    published: bool


def idempotency_key(headers: Mapping[str, str], tenant_id: str, route: str, body: bytes) -> IdempotencyKey | None:
    text = headers.get(IDEMPOTENCY_HEADER)
    if text is None:
        return None
    if _KEY.fullmatch(text) is None:
        raise InvalidBodyError(
            "header idempotency-key must be 1 to 255 printable ASCII characters; a UUID is a good key",
            IDEMPOTENCY_HEADER,
        )
    return IdempotencyKey(tenant_id, route, text, hashlib.sha256(body).digest())


def other_body(key: IdempotencyKey) -> TallygateError:
    return TallygateError(
        "invalid_request",
        f"this Idempotency-Key was first sent to {key.route} with another body",
        http_status=422,
        tips=(
            "Send the very same bytes to get the answer of the first request.",
            "Use a new Idempotency-Key for a new request.",
        ),
    )
