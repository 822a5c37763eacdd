"""What the tests of streams ask of the model server and of the books."""

import hashlib
from typing import Any, Literal, get_args

from tests.support.live import Api, Live
from tests.support.streaming import Told

Wire = Literal["openai-compatible", "anthropic-compatible"]
WIRES: tuple[Wire, ...] = get_args(Wire)


async def add(tenant: Api, stack: Live, behaviour: str, wire: Wire = "openai-compatible", **more: Any) -> str:
    """A model that behaves so, under that name."""
    return await tenant.add_model(behaviour, stack.model_server_url, behaviour, provider=wire, **more)


async def only_attempt(tenant: Api, told: Told) -> dict[str, Any]:
    [attempt] = (await tenant.settled(told.inference_id))["attempts"]
    assert isinstance(attempt, dict)
    return attempt


async def sent_to(stack: Live, tenant: Api, told: Told) -> dict[str, Any]:
    """What the ledger says of the one call of this inference."""
    attempt = await only_attempt(tenant, told)
    return (await stack.model_server.entries_of({attempt["attempt_id"]}))[attempt["attempt_id"]]


def is_all_of(text: str, entry: dict[str, Any]) -> bool:
    """Whether a caller was told exactly what the endpoint sent."""
    return (len(text.encode()), sha256(text)) == (entry["text_bytes"], entry["text_sha256"])


def sha256(text: str) -> str | None:
    return hashlib.sha256(text.encode()).hexdigest() if text else None
