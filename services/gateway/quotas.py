"""How much of each thing a tenant may have stored, and what it is told when it has that much.

What is there already when a quota is lowered, or comes to be, goes on working; only more is refused.
"""

from typing import NamedTuple

from shared.errors import TallygateError

MAX_SESSION_BYTES = 16_000_000  # of one session's history, sealed; a prompt has 20 messages of it


class Quotas(NamedTuple):
    """Each of one tenant. keys: that are not revoked. session_messages: of one session. open_jobs: that have not ended.

    sent_keys: Idempotency-Keys that are remembered.
    """

    models: int = 200
    keys: int = 200
    sessions: int = 1000
    session_messages: int = 1000
    open_jobs: int = 100
    sent_keys: int = 1_000_000
    webhooks: int = 20
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
