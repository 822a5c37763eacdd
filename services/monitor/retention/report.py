"""`tallygate books`: how large the books are, and the end of old days. For people, or as JSON."""

import asyncio
import json
from typing import Any

from rich.console import Console
from rich.table import Table as Listing

from services.monitor.retention.retention import prune_now
from services.monitor.retention.store import TABLES, Partition, RetentionStore
from shared.db import DatabaseSettings, connect_pool
from shared.errors import TallygateError

_console = Console(soft_wrap=True, highlight=False)
_progress = Console(stderr=True, soft_wrap=True, highlight=False)


def show_size(database: DatabaseSettings, as_json: bool) -> None:
    """rows: as the database estimates them."""
    tables = asyncio.run(_sizes(database))
    total = sum(table["bytes"] for table in tables)
    if as_json:
        _console.print_json(json.dumps({"tables": tables, "bytes": total}))
        return
    listing = Listing("table", "days", "first day", "rows, about", "MB", title="The books")
    for table in tables:
        first = table["days"][0]["day"] if table["days"] else ""
        size = f"{table['bytes'] / 1e6:,.1f}"
        listing.add_row(table["table"], str(len(table["days"])), first, f"{table['rows']:,}", size)
    _console.print(listing)
    _console.print(f"{total / 1e6:,.1f} MB in all. Older days are dropped: tallygate books prune --help")


def show_pruned(database: DatabaseSettings, days: int, as_json: bool) -> None:
    """Raises TallygateError (unavailable) when what is to be dropped is not summed up yet."""
    before = sum(table["bytes"] for table in asyncio.run(_sizes(database)))
    dropped = asyncio.run(_pruned(database, days))
    given_back = before - sum(table["bytes"] for table in asyncio.run(_sizes(database)))
    if as_json:
        _console.print_json(json.dumps({"kept_days": days, "dropped": dropped, "bytes_given_back": given_back}))
    else:
        _console.print(f"{len(dropped)} partitions dropped or pruned, {given_back / 1e6:,.1f} MB given back.")


async def _sizes(database: DatabaseSettings) -> list[dict[str, Any]]:
    pool = await connect_pool(database, wait_s=5.0)
    try:
        store = RetentionStore(pool)
        found = [_table(table.name, await store.partitions(table)) for table in TABLES]
        return found + [_table(partition.table, [partition]) for partition in await store.sums()]
    finally:
        await pool.close()


def _table(name: str, partitions: list[Partition]) -> dict[str, Any]:
    days = [{"day": str(each.day), "bytes": each.bytes, "rows": each.rows} for each in partitions if each.day]
    totals = {"bytes": sum(each.bytes for each in partitions), "rows": sum(each.rows for each in partitions)}
    return {"table": name, **totals, "days": days}


async def _pruned(database: DatabaseSettings, days: int) -> list[str]:
    pool = await connect_pool(database, wait_s=5.0)
    dropped: list[str] = []

    def seen(what: str) -> None:
        _progress.print(f"  {what}")
        dropped.append(what)

    try:
        if not await prune_now(RetentionStore(pool), days, seen):
            raise TallygateError(
                "unavailable",
                "nothing was dropped: some of the days are not summed up yet",
                tips=("Is a monitor running? It sums up within seconds: tallygate status", "Then run it again."),
            )
        return dropped
    finally:
        await pool.close()
