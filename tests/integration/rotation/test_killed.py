"""A rotation that is killed in the middle loses nothing, and goes on when it is run again."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.crypto import KeyRing, SealedContext, open_sealed
from shared.db.pool import Connection
from tests.support.live import Live
from tests.support.rotation import (
    MESSAGES,
    NEW_FIRST,
    NEW_ONLY,
    add_messages,
    by_key,
    delete_messages,
    messages,
    new_tenant,
    run,
    start_rotation,
    status_of,
)

_MESSAGES = 6000
_HELD = 0.9  # the rotation comes no further before it is killed, however slow the test is


async def test_a_rotation_that_is_killed_loses_nothing_and_goes_on_when_it_is_run_again(
    own: Live, database: Connection
) -> None:
    """Killed three times, each time wherever it happens to be when some more messages are done."""
    tenant = await new_tenant(own)
    await add_messages(database, tenant.id, _MESSAGES)
    done = 0

    async with held_back(database, tenant.id):
        for share in (0.02, 0.3, 0.6):
            await kill_when_done(start_rotation(own), database, tenant.id, int(share * _MESSAGES))
            done = await resealed_messages(database, tenant.id)
            assert share * _MESSAGES <= done <= _HELD * _MESSAGES
            status = await status_of(own, NEW_FIRST)
            assert status["unreadable"] == []
            assert by_key(status)[MESSAGES]["k2"] >= done
            assert status["removable_keys"] == []

    result = await run(own, "rotate", NEW_FIRST)

    assert result["unreadable"] == []
    [rotated] = [one for one in result["places"] if one["place"] == MESSAGES]
    assert rotated["already"] >= done
    assert 0 < rotated["resealed"] < _MESSAGES
    assert set(by_key(await status_of(own, NEW_ONLY))[MESSAGES]) == {"k2"}
    ring = KeyRing.parse(NEW_ONLY)
    stored = await messages(database, tenant.id)
    assert len(stored) == _MESSAGES
    for message_id, sealed in stored.items():
        context = SealedContext(tenant.id, "chat/many", str(message_id))
        assert open_sealed(ring, context, sealed) == f"message {message_id}".encode()
    await delete_messages(database, tenant.id)


@asynccontextmanager
async def held_back(database: Connection, tenant_id: str) -> AsyncIterator[None]:
    """One of the last messages is locked: who wants to write it waits."""
    lock = """
        SELECT message_id FROM gateway.chat_messages WHERE tenant_id = $1 AND message_id = (
            SELECT message_id FROM gateway.chat_messages WHERE tenant_id = $1 ORDER BY message_id OFFSET $2 LIMIT 1)
        FOR UPDATE
    """
    async with database.transaction():
        assert await database.fetchval(lock, tenant_id, int(_HELD * _MESSAGES)) is not None
        yield


async def kill_when_done(process: "subprocess.Popen[bytes]", database: Connection, tenant_id: str, wanted: int) -> None:
    """At any moment after so many messages: nothing tells the process beforehand."""
    try:
        while await resealed_messages(database, tenant_id) < wanted:
            assert process.poll() is None, "it ended before it could be killed"
    finally:
        process.kill()
        await asyncio.to_thread(process.communicate)
    assert process.returncode == -signal.SIGKILL


async def resealed_messages(database: Connection, tenant_id: str) -> int:
    """Under k2: the key id follows two bytes, of version and length."""
    count = """
        SELECT count(*) FROM gateway.chat_messages
        WHERE tenant_id = $1 AND substr(decode(left(sealed_content, 8), 'base64'), 3, 2) = 'k2'
    """
    return int(await database.fetchval(count, tenant_id))
