"""Files of batches, and how they come to a stack."""

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson

from tests.support.live import Api

_SETTLE_S = 120.0
LAST = ("completed", "failed", "expired", "cancelled")


def batch_line(custom_id: str, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": dict(body)}


def as_file(lines: list[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)


async def uploaded(api: Api, session: aiohttp.ClientSession, content: bytes) -> str:
    """The id of a file for a batch."""
    form = aiohttp.FormData()
    form.add_field("purpose", "batch")
    form.add_field("file", content, filename="lines.jsonl")
    headers = {"authorization": f"Bearer {api.key}"}
    async with session.post(f"{api.url}/v1/files", data=form, headers=headers) as response:
        assert response.status == 200, await response.text()
        found: str = (await response.json())["id"]
        return found


async def lines_of(api: Api, session: aiohttp.ClientSession, file_id: str | None) -> list[dict[str, Any]]:
    """None: there is no file."""
    if file_id is None:
        return []
    headers = {"authorization": f"Bearer {api.key}"}
    async with session.get(f"{api.url}/v1/files/{file_id}/content", headers=headers) as response:
        assert response.status == 200, await response.text()
        return [orjson.loads(line) for line in (await response.read()).splitlines()]


async def batch_settled(api: Api, batch_id: str) -> dict[str, Any]:
    """The batch, when it has ended; gateways may be away meanwhile."""
    deadline = asyncio.get_running_loop().time() + _SETTLE_S
    while True:
        try:
            found: dict[str, Any] = (await api.get(f"/v1/batches/{batch_id}")).body
        except aiohttp.ClientError:
            found = {}
        if found.get("status") in LAST:
            return found
        assert asyncio.get_running_loop().time() < deadline, found
        await asyncio.sleep(0.1)
