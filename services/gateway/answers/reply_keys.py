"""Public keys for answers to upstream services."""

from typing_extensions import TypedDict

from services.gateway.answers.shapes import Count, Instant


class ShownReplyKey(TypedDict):
    """public_key: of X25519, in base64."""

    id: str
    public_key: str
    created_at: Instant


class ReplyKeys(TypedDict):
    keys: list[ShownReplyKey]
    total: Count
