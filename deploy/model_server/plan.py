"""What will be sent for one request, decided before its first byte is written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

JSON = "application/json"
HTML = "text/html; charset=utf-8"
EVENT_STREAM = "text/event-stream; charset=utf-8"


class Ending(Enum):
    """How the answer ends. Only `DONE` leaves the connection open for the next request."""

    DONE = auto()
    CUT = auto()
    RESET = auto()
    HANG = auto()


@dataclass(frozen=True, slots=True)
class Plan:
    """`status` is None when no answer is sent at all.

    The headers are sent after `delay_s`, then each piece of the body after another `pause_s`. A body whose headers do
    not tell its `content-length` is sent in chunks, one for each piece.
    """

    status: int | None
    headers: Mapping[str, str]
    pieces: Iterable[bytes] = ()
    delay_s: float = 0.0
    pause_s: float = 0.0
    ending: Ending = Ending.DONE


def whole(status: int, content_type: str, body: bytes, headers: Mapping[str, str] | None = None) -> Plan:
    fixed = {"content-type": content_type, "content-length": str(len(body))}
    return Plan(status, {**fixed, **(headers or {})}, [body])


RESET = Plan(None, {}, ending=Ending.RESET)
HANG = Plan(None, {}, ending=Ending.HANG)
