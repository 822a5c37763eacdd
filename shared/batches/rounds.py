"""What a worker and a gateway say to each other of one round of a batch: lines to begin, and lines that have ended.

Both directions are sealed under the deployment's keys, which proves who speaks and hides what is said. The answer is
bound to its question, and a question is good for a short time only.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.batches.values import Endpoint
from shared.crypto import KeyRing, SealedContext, UnreadableSecretError, open_bytes, seal_bytes

PATH = "/internal/batches/round"
TENANT_HEADER, BATCH_HEADER = "x-tallygate-tenant", "x-tallygate-batch"
MOST_BYTES = 20 * 1024 * 1024  # of a question: up to 4 MiB of lines and one of 4 MiB more, twice as long when escaped
_GOOD_FOR = timedelta(seconds=60)


class UnreadableRoundError(Exception):
    """It was not sealed by this deployment, for this batch, just now; the text says which."""


class _Said(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class NewLine(_Said):
    """body: of the operation, as JSON. again: it may have been published already."""

    line: int
    inference_id: UUID
    custom_id: str
    body: str
    again: bool = False


class Round(_Said):
    """key_id: of the key that made the batch. room: whether results are asked for."""

    sent_at: datetime
    nonce: str
    endpoint: Endpoint
    key_id: str
    session: str
    created_at: datetime
    lines: Sequence[NewLine] = ()
    in_flight: Annotated[int, Field(ge=0)] = 0


class EndedLine(_Said):
    """written: the line of the output file, or of the error file."""

    line: int
    is_error: bool
    written: str


class Told(_Said):
    """begun: lines that were acked. ended: results, and lines that were refused for good. unsure: lines that may be on
    the topic or not. later: why the other lines were not begun. stop: why no line will be. queue_age_s: how
    long requests wait for a router; None while that is not known."""

    begun: Sequence[int] = ()
    unsure: Sequence[int] = ()
    ended: Sequence[EndedLine] = ()
    later: str | None = None
    later_s: float = 0.0
    stop: str | None = None
    queue_age_s: float | None = None


def sealed_round(ring: KeyRing, tenant_id: str, batch_id: UUID, asked: Round) -> bytes:
    return seal_bytes(ring, _context(tenant_id, batch_id, "asked"), asked.model_dump_json().encode())


def open_round(ring: KeyRing, tenant_id: str, batch_id: UUID, sealed: bytes, now: datetime) -> Round:
    """Raises UnreadableRoundError."""
    asked = _opened(ring, _context(tenant_id, batch_id, "asked"), sealed, Round)
    if abs(now - asked.sent_at) > _GOOD_FOR:
        raise UnreadableRoundError(f"it was sealed at {asked.sent_at.isoformat()}, and is good for {_GOOD_FOR}")
    return asked


def sealed_told(ring: KeyRing, tenant_id: str, batch_id: UUID, nonce: str, told: Told) -> bytes:
    return seal_bytes(ring, _context(tenant_id, batch_id, nonce), told.model_dump_json().encode())


def open_told(ring: KeyRing, tenant_id: str, batch_id: UUID, nonce: str, sealed: bytes) -> Told:
    """Raises UnreadableRoundError."""
    return _opened(ring, _context(tenant_id, batch_id, nonce), sealed, Told)


_Said_ = TypeVar("_Said_", bound=_Said)


def _opened(ring: KeyRing, context: SealedContext, sealed: bytes, kind: type[_Said_]) -> _Said_:
    try:
        return kind.model_validate_json(open_bytes(ring, context, sealed))
    except UnreadableSecretError as error:
        raise UnreadableRoundError(str(error)) from None
    except ValidationError:
        raise UnreadableRoundError("it is of another version") from None


def _context(tenant_id: str, batch_id: UUID, of: str) -> SealedContext:
    return SealedContext(tenant_id, "batch_round", f"{batch_id}/{of}")
