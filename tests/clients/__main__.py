"""`python -m tests.clients`: runs every client against a stack of its own, and prints the table of what was run."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from benchmarks.peers.install import installed
from tests.support.live import Api, Live, running_model_server_process
from tests.support.otlp import running_otlp_receiver
from tests.support.own_stack import own_stack

_CALLS = Path(__file__).with_name("calls.py")
_KINDS = {"openai": "openai-compatible", "anthropic": "anthropic-compatible"}
_QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}  # it would ask the network for prices
_TRIP = '{"city": "Bern", "days": 3}'

Line = dict[str, Any]


async def _models(stack: Live, tenant: Api, kind: str) -> dict[str, str]:
    url = stack.model_server_url.removesuffix("/v1") + f"/scripts/{kind}"
    async with stack.session.put(url, json={"answers": [{"text": _TRIP}] * 20}) as response:
        response.raise_for_status()
    behaviours = {"demo": "demo", "tools": "demo-tools-2", "thinks": "demo-reasoning", "trip": f"script-{kind}"}
    return {
        does: await tenant.add_model(f"{kind}-{does}", stack.model_server_url, behaviour, provider=_KINDS[kind])
        for does, behaviour in behaviours.items()
    }


async def _ran(stack: Live) -> AsyncIterator[Line]:
    tenant = await stack.new_tenant()
    models = {kind: await _models(stack, tenant, kind) for kind in _KINDS}
    embedder = await tenant.add_model(
        "embedder", stack.model_server_url, "demo", capabilities={"tasks": ["embeddings"]}
    )
    python = installed("clients") / "bin" / "python"
    process = await asyncio.create_subprocess_exec(
        python, _CALLS, env=os.environ | _QUIET, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    given = {"url": tenant.url, "key": tenant.key, "models": models, "embeddings": embedder}
    process.stdin.write(json.dumps(given).encode())
    process.stdin.close()
    async for line in process.stdout:
        yield json.loads(line)
    if await process.wait():
        raise SystemExit(f"the clients ended with {process.returncode}")


async def _run() -> list[Line]:
    lines = []
    installed("clients")
    with (
        tempfile.TemporaryDirectory() as home,
        running_model_server_process() as server,
        running_otlp_receiver() as otlp,
    ):
        async with own_stack(Path(home, "home"), {}, server, otlp, ("gateway", "router", "monitor")) as stack:
            async for line in _ran(stack):
                lines.append(line)
                sys.stderr.write("." if line["failed"] is None else "F")
                sys.stderr.flush()
    sys.stderr.write("\n")
    return lines


def table(lines: list[Line]) -> str:
    """Rows: client, surface and mode; columns: kinds of endpoints."""
    rows: dict[tuple[str, str, str], dict[str, str]] = {}
    for line in lines:
        row = rows.setdefault((line["client"], line["surface"], line["mode"]), {})
        row[line["kind"]] = "yes" if line["failed"] is None else "**no**"
    head = "| client | surface | mode | at an OpenAI-compatible endpoint | at an Anthropic-compatible one |\n"
    told = [
        f"| {client} | {surface} | {mode} | {row.get('openai', '-')} | {row.get('anthropic', '-')} |"
        for (client, surface, mode), row in rows.items()
    ]
    return head + "|--|--|--|--|--|\n" + "\n".join(told) + "\n"


def main() -> int:
    lines = asyncio.run(_run())
    sys.stdout.write(table(lines))
    failed = [line for line in lines if line["failed"] is not None]
    for line in failed:
        where = ", ".join(str(line[name]) for name in ("client", "surface", "mode", "kind"))
        sys.stdout.write(f"\n{where}: {line['failed']}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
