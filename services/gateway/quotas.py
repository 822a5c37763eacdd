"""How much of each thing a tenant may have stored, and what it is told when it has that much.

What is there already when a quota is lowered, or comes to be, goes on working; only more is refused.
"""

from typing import NamedTuple

from shared.errors import TallygateError

MAX_SESSION_BYTES = 16_000_000  # of one session's history, sealed; a prompt has 20 messages of it


class FileLimits(NamedTuple):
    """file_bytes: of one upload. files, stored_bytes: of all that a tenant has."""

    file_bytes: int = 512 * 1024 * 1024
    files: int = 10_000
    stored_bytes: int = 10 * 1024**3


class Quotas(NamedTuple):
    """Each of one tenant. keys: that are not revoked. session_messages: of one session. open_jobs, batches: that have
    not ended.

    sent_keys: Idempotency-Keys that are remembered.
    """

    models: int = 200
    keys: int = 200
    sessions: int = 1000
    session_messages: int = 1000
    open_jobs: int = 100
    sent_keys: int = 1_000_000
    webhooks: int = 20
    session_caps: int = 1000
    batches: int = 100
    files: FileLimits = FileLimits()
    reply_keys: int = 20


def over_quota(
    what: str, has: int, most: int, setting: str, *tips: str, retry_after_s: float | None = None
) -> TallygateError:
    """409; 429 where waiting helps, which is said by `retry_after_s`."""
    raised = f"An operator can raise {setting} (now {most})."
    detail = f"your tenant has {has} {what}, and {most} is the limit"
    if retry_after_s is None:
        return TallygateError("invalid_request", detail, http_status=409, tips=(*tips, raised))
    return TallygateError("too_many_requests", detail, retry_after_s=retry_after_s, tips=(*tips, raised))
