"""The client for many requests at once, over a session that its owner opens and closes."""

import io
import json
from collections.abc import Mapping
from typing import Any

import aiohttp

from shared.client.answer import Answer


class AsyncClient:
    """Of one gateway, with one key or none. Raises what aiohttp raises: who sends many counts what breaks."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str | None) -> None:
        self.url = url
        self.key = key
        self._session = session
        self._headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """The answer whatever its status. raw: a body that is sent as it is. timeout_s: otherwise the session's."""
        data = json.dumps(body).encode() if raw is None and body is not None else raw
        async with self._session.request(
            method,
            self.url + path,
            data=None if data is None else io.BytesIO(data),  # aiohttp warns of a megabyte of bytes, not of a file
            headers=self._headers | dict(headers or {}),
            timeout=self._session.timeout if timeout_s is None else aiohttp.ClientTimeout(total=timeout_s),
        ) as response:
            found = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, found, await response.text())
