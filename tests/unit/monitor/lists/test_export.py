"""An export goes through the books page by page."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from starlette.types import Message

from services.monitor.books.books import fold
from services.monitor.cursors import Place
from services.monitor.lists.export import Export, Exports, Wanted, parse_what
from services.monitor.lists.page import Found
from services.monitor.lists.store import ListStore
from services.monitor.ranges import Range
from shared.errors import TallygateError
from tests.unit.shared.events.samples import ATTEMPT, NOW, ended, started

_RANGE = Range(NOW, NOW + timedelta(hours=1))


class Books(ListStore):
    """Calls, a second apart, the newest first."""

    def __init__(self, calls: int, fails_at: int | None = None) -> None:
        row = fold([started(), ended()]).attempts[ATTEMPT]
        places = [Place(_RANGE.until - timedelta(seconds=n), UUID(int=n)) for n in range(1, calls + 1)]
        self.rows = [{**row, "place": place} for place in places]
        self.pages = 0
        self.fails_at = fails_at

    async def attempts(self, _tenant_id: str, _since: datetime, before: Place, most: int) -> Found:
        self.pages += 1
        if self.pages == self.fails_at:
            raise TallygateError("unavailable", "the books cannot be read")
        return Found([], [row for row in self.rows if row["place"] < before][:most], None)


async def exported(books: Books, file_format: Any = "csv") -> list[bytes]:
    exports = Exports(books, most=1, per_tenant=1, rows=10)
    return [part async for part in exports.parts(Wanted("acme", "attempts", file_format, _RANGE))]


async def test_every_row_is_in_it_and_no_more_than_a_page_at_a_time() -> None:
    books = Books(25)
    parts = await exported(books)
    assert books.pages == 3
    assert [part.count(b"\r\n") for part in parts] == [11, 10, 5, 0]


async def test_one_that_breaks_off_is_never_ended() -> None:
    with pytest.raises(TallygateError, match="cannot be read"):
        await exported(Books(25, fails_at=2), "parquet")


async def test_so_many_run_at_a_time() -> None:
    exports = Exports(Books(0), most=2, per_tenant=1)
    with exports.place("acme"):
        with (
            pytest.raises(TallygateError, match="1 exports of your tenant run") as caught,
            exports.place("acme"),
        ):
            pass
        assert caught.value.failure.http_status == 429
        with exports.place("b"), pytest.raises(TallygateError, match="2 exports run already"), exports.place("c"):
            pass
    with exports.place("acme"):  # a place was given back
        pass


async def test_its_place_is_free_before_who_reads_it_sees_the_end() -> None:
    exports, ended_with_a_place = Exports(Books(3), most=1, per_tenant=1), []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            with exports.place("acme"):
                ended_with_a_place.append(True)

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    export = Export(exports, Wanted("acme", "attempts", "csv", _RANGE))
    await export({"type": "http", "asgi": {"spec_version": "2.4"}}, receive, send)

    assert ended_with_a_place


def test_what_can_be_had() -> None:
    assert parse_what({}) == ("inferences", "csv")
    assert parse_what({"what": "attempts", "format": "parquet"}) == ("attempts", "parquet")
    for wrong in ({"what": "keys"}, {"format": "xlsx"}):
        with pytest.raises(TallygateError, match="what must be inferences or attempts"):
            parse_what(wrong)
