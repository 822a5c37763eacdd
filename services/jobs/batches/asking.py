"""Ask a gateway for one round of a batch: begin lines, and tell what has ended."""

from typing import Any
from uuid import UUID

import aiohttp

from shared.batches.rounds import (
    BATCH_HEADER,
    PATH,
    TENANT_HEADER,
    Round,
    Told,
    UnreadableRoundError,
    open_told,
    sealed_round,
)
from shared.crypto import KeyRing

_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=5)


class GatewayAwayError(Exception):
    """No gateway has answered, or not as one does; the text says how. Lines may have been begun all the same."""


class Gateways:
    """url: where one of them answers. wait_s: for its answer."""

    def __init__(self, url: str, ring: KeyRing) -> None:
        self._url = url.rstrip("/")
        self._ring = ring
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def round(self, tenant_id: str, batch_id: UUID, asked: Round) -> Told:
        """Raises GatewayAwayError."""
        if self._session is None:
            raise RuntimeError("it has not been started")
        headers: dict[str, Any] = {
            TENANT_HEADER: tenant_id, BATCH_HEADER: str(batch_id), "content-type": "application/octet-stream",
        }  # fmt: skip
        body = sealed_round(self._ring, tenant_id, batch_id, asked)
        try:
            async with self._session.post(self._url + PATH, data=body, headers=headers) as response:
                answer = await response.read()
                if response.status != 200:
                    raise GatewayAwayError(f"the gateway at {self._url} answered {response.status}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise GatewayAwayError(
                f"the gateway at {self._url} (TALLYGATE_GATEWAY_URL) does not answer: {type(error).__name__}"
            ) from error
        try:
            return open_told(self._ring, tenant_id, batch_id, asked.nonce, answer)
        except UnreadableRoundError as error:
            raise GatewayAwayError(f"what the gateway at {self._url} said cannot be opened: {error}") from error
