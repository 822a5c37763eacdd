import asyncio
import json
import signal
import sys
import urllib.request

import pytest

pytestmark = pytest.mark.asyncio


async def test_it_says_where_it_listens_and_stops_when_told() -> None:
    command = [sys.executable, "-m", "deploy.model_server", "--port", "0"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), timeout=60)).decode()
    assert line.startswith("ready http://127.0.0.1:")
    models = await asyncio.to_thread(_get, line.split()[1] + "/models")
    assert len(models["data"]) > 20  # type: ignore[arg-type]
    process.send_signal(signal.SIGTERM)
    rest, _ = await asyncio.wait_for(process.communicate(), timeout=60)
    assert (process.returncode, rest) == (0, b"")


def _get(url: str) -> dict[str, object]:
    with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310 - our own server
        value: dict[str, object] = json.load(response)
        return value
