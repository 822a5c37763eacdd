"""Who may recover, and for how long after it was last heard."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.monitor.recovery.lease import Lease, LeaseLostError
from tests.support.memory.monitor import MemoryRecoveryStore, MonitorTables
from tests.support.virtual_time import virtually


def tables() -> MonitorTables:
    epoch = datetime(2026, 11, 23, 12, tzinfo=UTC)
    return MonitorTables(clock=lambda: epoch + timedelta(seconds=asyncio.get_running_loop().time()))


def leases(known: MonitorTables) -> tuple[Lease, Lease]:
    return Lease(MemoryRecoveryStore(known), "m1", 10.0), Lease(MemoryRecoveryStore(known), "m2", 10.0)


@virtually
async def test_one_has_its_turn_and_then_another_at_once() -> None:
    mine, theirs = leases(tables())
    async with mine.turn() as got, theirs.turn() as also:
        assert (got, also) == (True, False)
    async with theirs.turn() as got:
        assert got


@virtually
async def test_a_turn_that_ends_in_an_error_leaves_the_lease() -> None:
    mine, theirs = leases(tables())
    with pytest.raises(RuntimeError):
        async with mine.turn():
            raise RuntimeError
    async with theirs.turn() as got:
        assert got


@virtually
async def test_a_turn_lasts_as_long_as_it_is_kept() -> None:
    mine, theirs = leases(tables())
    async with mine.turn():
        for _ in range(10):
            await asyncio.sleep(8)
            await mine.keep()
            async with theirs.turn() as got:
                assert not got


@virtually
async def test_who_stands_still_loses_it_and_is_told_so_before_it_says_anything() -> None:
    mine, theirs = leases(tables())
    async with mine.turn():
        await asyncio.sleep(11)
        with pytest.raises(LeaseLostError):
            await mine.keep()
        async with theirs.turn() as got:
            assert got


@virtually
async def test_a_lease_that_others_had_meanwhile_is_not_taken_for_ones_own() -> None:
    """Frozen by its own clock for less than the lease, as when that clock stands still, too."""
    known = tables()
    mine, _ = leases(known)
    async with mine.turn():
        known.lease = None
        await asyncio.sleep(6)
        with pytest.raises(LeaseLostError):
            await mine.keep()
