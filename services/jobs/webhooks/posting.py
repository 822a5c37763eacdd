"""One call of a receiver: signed, through the guard, within its time. Of its answer the status is read."""

import ssl
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import aiohttp
from standardwebhooks.webhooks import Webhook

from services.jobs.webhooks.deciding import Answer
from shared.guard import Guard
from shared.guard.network import network_error

# Workers bound what is in flight; a limit here would only add an invisible queue.
_CONNECTOR: dict[str, Any] = {"limit": 0, "ttl_dns_cache": 30, "keepalive_timeout": 30}
_CONNECT_S = 5.0


class Poster:
    def __init__(self, guard: Guard, timeout_s: float) -> None:
        self._guard = guard
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=self._guard.connector(**_CONNECTOR),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"content-type": "application/json", "user-agent": "tallygate"},
        )

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, url: str, body: str, headers: dict[str, str]) -> Answer:
        """Redirects are not followed: they would lead past the guard's check of what was registered."""
        if self._session is None:
            raise RuntimeError("the poster has not been started")
        timeout = aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=min(_CONNECT_S, self._timeout_s))
        try:
            async with self._session.post(
                url, data=body.encode(), headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                return _answer(response.status)
        except (aiohttp.ClientError, TimeoutError, OSError, ssl.SSLError) as error:
            return Answer(None, network_error(error, self._timeout_s)[1])
        except ValueError as error:  # aiohttp raises it for what cannot be sent or parsed
            return Answer(None, f"could not be spoken to: {type(error).__name__}")


def signed(secrets: Sequence[str], message_id: str, at: datetime, body: str) -> dict[str, str]:
    """The headers of Standard Webhooks; each secret signs. at: in UTC."""
    signatures = [Webhook(secret).sign(message_id, at, body) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _answer(status: int) -> Answer:
    if 200 <= status < 300:
        return Answer(status, None)
    if 300 <= status < 400:
        return Answer(status, f"answered {status}: a redirect is not followed; give the address that it leads to")
    return Answer(status, f"answered {status}")
