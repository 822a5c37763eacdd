"""Pure: where a page of a list ended, so that the next one goes on there. Opaque to its reader, and never trusted: it
holds a place in time, while the tenant is always that of the key.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import orjson

from shared.errors import TallygateError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MOST_CHARS = 400
_OF_THE_PAGE = ("cursor", "limit")
_TIP = "Begin again without cursor, and send each next_cursor with the query that it came from."


class Place(NamedTuple):
    """A place in a list that goes back in time; what comes next is older, or has a lesser id at the same time."""

    at: datetime
    id: UUID


class Cursor(NamedTuple):
    """since, until: the range as the first page read it, so that all pages read the same one."""

    since: datetime
    until: datetime
    place: Place


def written(cursor: Cursor, of: str, query: Mapping[str, str]) -> str:
    """of: which list it belongs to; so does the query, but for what may change from page to page. The id may be of the
    class of a database driver, which JSON does not know."""
    times = [(at - _EPOCH) // _MICROSECOND for at in (cursor.since, cursor.until, cursor.place.at)]
    return urlsafe_b64encode(orjson.dumps([_digest(of, query), *times, str(cursor.place.id)])).decode().rstrip("=")


def read(text: str, of: str, query: Mapping[str, str]) -> Cursor:
    """Raises `invalid_request` for what is no cursor, or one of another list or query."""
    try:
        digest, since, until, at, place_id = orjson.loads(urlsafe_b64decode(_padded(text)))
        cursor = Cursor(_time(since), _time(until), Place(_time(at), UUID(place_id)))
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise TallygateError("invalid_request", "cursor is none that was given here", tips=(_TIP,)) from None
    if digest != _digest(of, query):
        raise TallygateError("invalid_request", "cursor belongs to another list, or to other filters", tips=(_TIP,))
    return cursor


def _padded(text: str) -> bytes:
    if len(text) > _MOST_CHARS:
        raise ValueError("too long")
    return text.encode("ascii") + b"=" * (-len(text) % 4)


def _time(microseconds: int) -> datetime:
    if type(microseconds) is not int:
        raise TypeError("not a time")
    return _EPOCH + microseconds * _MICROSECOND


def _digest(of: str, query: Mapping[str, str]) -> str:
    told = [of, sorted((name, value) for name, value in query.items() if name not in _OF_THE_PAGE)]
    return hashlib.blake2s(orjson.dumps(told), digest_size=6).hexdigest()
