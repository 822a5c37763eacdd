"""What will be sent for one request, decided before its first byte is written."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

JSON = "application/json"
HTML = "text/html; charset=utf-8"
EVENT_STREAM = "text/event-stream; charset=utf-8"


class Ending(Enum):
    """How the answer ends. Only `DONE` leaves the connection open for the next request."""

    DONE = auto()
    CUT = auto()
    RESET = auto()
    HANG = auto()


class Piece(NamedTuple):
    """Of a body, sent `pause_s` after the one before it. text: what a client has of the answer's text with this piece
    and had not before, in UTF-8; the ledger sums it up."""

    data: bytes
    text: bytes = b""
    pause_s: float = 0.0


class Paced(NamedTuple):
    """Pieces of which one is sent every `interval_s` seconds, and then the rest at once."""

    pieces: Iterator[Piece]
    interval_s: float
    rest: Iterable[Piece]


@dataclass(frozen=True, slots=True)
class Plan:
    """`status` is None when no answer is sent at all.

    The headers are sent after `delay_s`, then the pieces of the body, then what is paced. A body whose headers do not
    tell its `content-length` is sent in chunks, one for each piece; a paced one is always.
    """

    status: int | None
    headers: Mapping[str, str]
    pieces: Iterable[Piece] = ()
    delay_s: float = 0.0
    paced: Paced | None = None
    ending: Ending = Ending.DONE


def whole(
    status: int, content_type: str, body: bytes, headers: Mapping[str, str] | None = None, text: bytes = b""
) -> Plan:
    fixed = {"content-type": content_type, "content-length": str(len(body))}
    return Plan(status, {**fixed, **(headers or {})}, [Piece(body, text)])


RESET = Plan(None, {}, ending=Ending.RESET)
HANG = Plan(None, {}, ending=Ending.HANG)
