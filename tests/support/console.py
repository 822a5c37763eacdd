"""The console as a process, and its pages as who signed in with a key reads them."""

import asyncio
import re
import sys
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp

from deploy.local.readiness import http_not_ready
from deploy.local.waiting import wait_until

_READY_S = 60.0
_STOPS_S = 30.0


class ConsoleProcess:
    """One that a test can kill and start again at the same address. log: a file."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self.url = f"http://127.0.0.1:{environment['TALLYGATE_CONSOLE_PORT']}"
        self._environment = dict(environment)
        self._log = log
        self._process: Process | None = None

    async def start(self) -> None:
        """Returns when it is ready."""
        with self._log.open("ab") as log:
            command = (sys.executable, "-m", "services", "serve", "console")
            self._process = await asyncio.create_subprocess_exec(
                *command, env=self._environment, stdout=log, stderr=log
            )
        await asyncio.to_thread(wait_until, lambda: http_not_ready(f"{self.url}/readyz"), _READY_S)

    async def kill(self) -> None:
        """SIGKILL, and gone when it returns."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await asyncio.wait_for(self._process.wait(), _STOPS_S)


@asynccontextmanager
async def signed_in(console_url: str, key: str | None) -> AsyncIterator[aiohttp.ClientSession]:
    """Of a browser without scripts."""
    jar = aiohttp.CookieJar(unsafe=True)  # of an address without a name
    async with aiohttp.ClientSession(console_url, cookie_jar=jar) as session:
        headers = {"origin": console_url, "sec-fetch-site": "same-origin"}
        async with session.post("/login", data={"key": key}, headers=headers) as response:
            assert response.status == 200, await response.text()
        yield session


class OverviewFigures(NamedTuple):
    requests: int
    failed: int
    calls: int


async def overview_figures(session: aiohttp.ClientSession) -> OverviewFigures:
    """Of the last hour. Raises AssertionError when the page does not tell them."""
    text = re.sub(r"<[^>]+>", " ", await _page(session, "/"))
    found = re.search(r"Requests\s+([\d,]+)\s+([\d,]+) model calls\s+Failed\s+([\d,]+)", text)
    assert found, text
    requests, calls, failed = (int(number.replace(",", "")) for number in found.groups())
    return OverviewFigures(requests, failed, calls)


async def latest_errors(session: aiohttp.ClientSession) -> set[tuple[str, str]]:
    """Error type and model of those that the overview tells."""
    row = re.compile(r"<tr>\s*<td[^>]*><a [^>]*><time.*?</td>\s*<td[^>]*>(\w+)</td>\s*<td>([^<]+)</td>", re.DOTALL)
    return {(error_type, model) for error_type, model in row.findall(await _page(session, "/"))}


async def error_counts(session: aiohttp.ClientSession) -> Counter[tuple[str, str]]:
    """By error type and model, of the last hour."""
    text = re.sub(r"<(?!/?code>)[^>]+>", " ", await _page(session, "/errors"))
    counted: Counter[tuple[str, str]] = Counter()
    for number, error_type, model in re.findall(r"([\d,]+)\s+times?\s[^<]*<code>(\w+)</code> · (\S+)", text):
        counted[error_type, model] += int(number.replace(",", ""))
    return counted


async def _page(session: aiohttp.ClientSession, path: str) -> str:
    async with session.get(path, params={"window": "1h"}) as response:
        text = await response.text()
        assert response.status == 200, text
        return text
