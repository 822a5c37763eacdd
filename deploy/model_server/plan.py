"""What will go on the wire for one request, decided before its first byte is written."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from deploy.model_server import http1


class Ending(Enum):
    """How the answer ends. Only `DONE` leaves the connection open for the next request."""

    DONE = auto()
    CUT = auto()
    RESET = auto()
    HANG = auto()


@dataclass(frozen=True, slots=True)
class Plan:
    """`status` is None when no answer is sent at all.

    `first` is written in one go after `delay_s`; each of `rest` follows after another `pause_s`.
    """

    status: int | None
    first: bytes = b""
    rest: Iterable[bytes] = ()
    delay_s: float = 0.0
    pause_s: float = 0.0
    ending: Ending = Ending.DONE

    @property
    def at_once(self) -> bool:
        return self.delay_s == 0 and self.rest == ()


def whole(status: int, content_type: str, body: bytes, *headers: tuple[str, object]) -> Plan:
    return Plan(status, http1.sized_head(status, content_type, len(body), *headers) + body)


RESET = Plan(None, ending=Ending.RESET)
HANG = Plan(None, ending=Ending.HANG)
