"""`tallygate mcp` as an assistant's program starts it: a process of its own, spoken to by the SDK's own client."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest

from services.cli.assistant.tools import TOOLS
from tests.support.stub_gateway import StubGateway, running_stub
from tests.unit.cli.monitoring.test_monitor import summary_body

ROOT = Path(__file__).parents[4]
TIMEOUT_S = 120  # of a start on a busy machine


@pytest.mark.parametrize("mode", ["auto", "legacy"])  # by what the client and the server agree on, and by `initialize`
def test_a_session_lists_the_tools_and_reads_the_books(mode: Literal["auto", "legacy"], tmp_path: Path) -> None:
    with running_stub() as gateway:
        gateway.answers["GET /api/monitoring/summary?window=1h"] = (200, summary_body())

        tools, answer, refusal = asyncio.run(session(gateway, mode, tmp_path))

    assert [tool.name for tool in tools] == [tool.name for tool in TOOLS]
    assert all(tool.annotations.read_only_hint for tool in tools)
    assert json.loads(answer.content[0].text)["requests"]["total"] == 3
    assert (answer.is_error, refusal.is_error) == (False, True)
    assert "endpoint_not_found: no such path" in refusal.content[0].text
    assert gateway.asked[0].headers["authorization"] == "Bearer tg_key"


async def session(gateway: StubGateway, mode: Literal["auto", "legacy"], home: Path) -> tuple[Any, Any, Any]:
    from mcp import Client, StdioServerParameters  # not at the top: it takes seconds

    started = StdioServerParameters(
        command=sys.executable,
        args=["-m", "services", "mcp"],
        env={"TALLYGATE_GATEWAY_URL": gateway.url, "TALLYGATE_API_KEY": "tg_key", "TALLYGATE_HOME": str(home)},
        cwd=ROOT,
    )
    async with asyncio.timeout(TIMEOUT_S), Client(started, mode=mode) as client:
        tools = (await client.list_tools()).tools
        answer, refusal = await asyncio.gather(
            client.call_tool("summary", {"window": "1h"}), client.call_tool("errors", {})
        )
    return tools, answer, refusal


def test_the_package_is_imported_by_nobody_else() -> None:
    told = "import sys, services.__main__; print([name for name in sys.modules if name.split('.')[0] == 'mcp'])"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_a_key_it_does_not_begin(tmp_path: Path) -> None:
    environment = {"TALLYGATE_HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-m", "services", "mcp"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no API key" in done.stderr
