"""Wait until the books are quiet, and fetch what everyone has seen."""

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any, Protocol

import aiohttp
import asyncpg

from deploy.local.failure import LocalRunError
from deploy.local.stack import Stack
from tests.chaos.evidence import HONEST, BookedAttempt, BookedInference, Call, Note
from tests.chaos.on_record import settled_on_record_at
from tests.chaos.system import System
from tests.support.live import ModelServer

READY_S = 60.0
QUIET_S = 150.0  # what nobody settles is swept a minute after its deadline, which is a minute after it was asked
_AUDIT_S = 120.0
_OPEN = """
SELECT (SELECT count(*) FROM monitor.inferences WHERE settlement IS NULL)
     + (SELECT count(*) FROM monitor.attempts WHERE outcome IS NULL)
"""
_ATTEMPTS = """
SELECT attempt_id::text, inference_id::text, attempt_number, coalesce(router_id, '') AS router_id, started_at,
       on_record, outcome, error_type FROM monitor.attempts
"""
_INFERENCES = "SELECT inference_id::text, settlement, accepted_at, tenant_id, session FROM monitor.inferences"


class Recorded(Protocol):
    """A system whose topics and books can be read. environment: for the `tallygate` command."""

    @property
    def environment(self) -> Mapping[str, str]: ...

    @property
    def database_url(self) -> str: ...

    @property
    def bootstrap_servers(self) -> str: ...


async def not_ready(stack: Stack) -> list[str]:
    """Programs that did not come back by themselves."""
    names = [status.name for status in await asyncio.to_thread(stack.status)]
    reasons = []
    for name in names:
        try:
            await asyncio.to_thread(stack.wait_ready, name, READY_S)
        except LocalRunError as error:
            reasons.append(str(error).splitlines()[0])
    return reasons


async def quiet_audit(system: Recorded) -> dict[str, Any]:
    """The audit as soon as nothing is open, else the last one."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + QUIET_S
    while True:
        overdue = loop.time() > deadline
        if overdue or await _open(system.database_url) == 0:
            audit = await _audit(system)
            if overdue or (audit["balanced"] and audit["inferences"]["open"] == audit["attempts"]["open"] == 0):
                return audit
        await asyncio.sleep(1.0)


async def booked(system: Recorded) -> tuple[list[BookedAttempt], list[BookedInference]]:
    connection = await asyncpg.connect(system.database_url)
    try:
        attempts = [BookedAttempt(**row) for row in await connection.fetch(_ATTEMPTS)]
        on_record = await settled_on_record_at(system.bootstrap_servers)
        rows = await connection.fetch(_INFERENCES)
        return attempts, [
            BookedInference(known, settlement, on_record.get(known), *more) for known, settlement, *more in rows
        ]
    finally:
        await connection.close()


async def calls(model_server: ModelServer) -> list[Call]:
    ledger = await model_server.ledger()
    assert ledger["dropped"] == 0, "the model server's ledger is too short for this run"
    return [Call(one["request_id"], one["behaviour"]) for one in ledger["entries"]]


async def look_up(system: System, notes: list[Note]) -> None:
    """Callers that were told an id and no answer ask by that id."""
    for note in notes:
        for inference_id in note.ids if note.status is None else ():
            tenant = system.honest if note.asker == HONEST else system.hostile
            try:
                answer = await tenant.get(f"/api/inferences/{inference_id}")
            except (aiohttp.ClientError, TimeoutError) as error:
                note.troubles.append(repr(error))
            else:
                note.settlement = answer.body["state"] if answer.status == 200 and answer.body["settled_at"] else None


async def _open(database_url: str) -> int | None:
    """None while the database is away."""
    try:
        connection = await asyncpg.connect(database_url, timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return None
    try:
        count: int = await connection.fetchval(_OPEN)
        return count
    finally:
        await connection.close()


async def _audit(system: Recorded) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", "audit", "--json", env=system.environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = await asyncio.wait_for(process.communicate(), _AUDIT_S)
        audit: dict[str, Any] = json.loads(out)
    except (ValueError, TimeoutError) as error:
        if process.returncode is None:
            process.kill()
        text = err.decode()[-500:] if isinstance(error, ValueError) else f"not finished after {_AUDIT_S:g} s"
        nothing = {"accepted": 0, "settled": 0, "open": 1, "started": 0, "ended": 0, "late": 0}
        return {"balanced": False, "inferences": nothing, "attempts": nothing, "violations": [f"it failed: {text}"]}
    return audit
