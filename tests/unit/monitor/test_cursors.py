from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import orjson
import pytest
from asyncpg.pgproto import pgproto

from services.monitor.cursors import Cursor, Place, read, written
from shared.errors import TallygateError

_AT = datetime(2026, 11, 23, 12, 0, 0, 123456, UTC)
CURSOR = Cursor(_AT - timedelta(days=1), _AT, Place(_AT - timedelta(hours=1), UUID(int=7)))
QUERY = {"state": "failed", "window": "1d"}


def test_a_cursor_reads_as_it_was_written_for_its_list_and_query() -> None:
    text = written(CURSOR, "/api/inferences", QUERY)
    assert read(text, "/api/inferences", {**QUERY, "cursor": text, "limit": "3"}) == CURSOR
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_zone_does_not_change_it() -> None:
    zone = timezone(timedelta(hours=5))
    there = Cursor(CURSOR.since.astimezone(zone), CURSOR.until.astimezone(zone), CURSOR.place)
    assert written(there, "x", {}) == written(CURSOR, "x", {})


def test_an_id_as_the_database_gives_it_is_one_like_others() -> None:
    place = Place(CURSOR.place.at, pgproto.UUID(str(CURSOR.place.id)))
    assert written(CURSOR._replace(place=place), "x", {}) == written(CURSOR, "x", {})


@pytest.mark.parametrize(
    ("of", "query"),
    [("/api/other", QUERY), ("/api/inferences", QUERY | {"state": "completed"}), ("/api/inferences", {})],
    ids=["list", "filter", "no-filter"],
)
def test_one_of_another_list_or_filter_is_refused(of: str, query: dict[str, str]) -> None:
    text = written(CURSOR, "/api/inferences", QUERY)
    with pytest.raises(TallygateError, match="belongs to another") as caught:
        read(text, of, query)
    assert caught.value.failure.http_status == 400
    assert "without cursor" in caught.value.failure.tips[0]


def _encoded(value: object) -> str:
    return urlsafe_b64encode(orjson.dumps(value)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "caf\u00e9", "=" * 9, "A" * 401, _encoded({}), _encoded([]), _encoded(["d", 1, 2, 3]),
        _encoded(["d", 1, 2, "3", str(UUID(int=1))]), _encoded(["d", 1, 2, True, str(UUID(int=1))]),
        _encoded(["d", 1, 2, 10**18, str(UUID(int=1))]), _encoded(["d", 1, 2, 3, 4]), _encoded(["d", 1, 2, 3, "no id"]),
        written(CURSOR, "/api/inferences", QUERY)[:-5],
    ],
    ids=range(14),
)  # fmt: skip
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(TallygateError, match="cursor is none that was given here"):
        read(text, "/api/inferences", QUERY)
