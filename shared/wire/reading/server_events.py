"""Server-sent events out of the bytes of a stream, as they arrive.

Source: WHATWG HTML, section 9.2, with one difference: an event that the end of the stream cuts off before its empty
line is read when its lines are whole, since some endpoints leave the last empty line out.
"""

from collections.abc import Iterator
from typing import NamedTuple

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DATA = b"data: "


class EventTooLargeError(Exception):
    """One event, or one line, is larger than the reader holds."""


class ServerEvent(NamedTuple):
    """name: of its type, empty when it has none. data: its data lines, joined by line feeds."""

    name: bytes
    data: bytes


class ServerEvents:
    """The reader of one stream. It works on bytes: neither character of a line's end occurs inside of another one in
    UTF-8, so that characters which arrive in halves need no care.
    """

    def __init__(self, max_event_bytes: int) -> None:
        self._max_event_bytes = max_event_bytes
        self._line: list[bytes] = []  # the pieces of the line whose end has not come
        self._held_bytes = 0  # of that line, and of the event's data
        self._after_cr = False  # a line feed that follows belongs to the last line's end
        self._at_start = True
        self._name = b""
        self._data: list[bytes] = []
        self.last_id = b""  # the newest that was told: whoever connects again names it

    def read(self, received: bytes) -> Iterator[ServerEvent]:
        """The events that are whole with these bytes. Raises EventTooLargeError."""
        if self._is_one_event(received):
            self._at_start = False
            yield ServerEvent(b"", received[len(_DATA) : -2])
            return
        if self._after_cr and received:
            received = received.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in received:
            self._after_cr = received.endswith(b"\r")
            received = received.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *ends, rest = received.split(b"\n")
        for end in ends:
            event = self._take(self._whole_line(end))
            if event is not None:
                yield event
        self._hold(rest)

    def _is_one_event(self, received: bytes) -> bool:
        """Whether nothing waits, and these are one event of one line and its end: most reads are."""
        return (
            not self._held_bytes
            and not self._after_cr
            and received.startswith(_DATA)
            and received.find(b"\n") == len(received) - 2
            and received.endswith(b"\n\n")
            and b"\r" not in received
            and len(received) <= self._max_event_bytes
        )

    def end(self) -> ServerEvent | None:
        """The last event, when the stream ended without an empty line."""
        event = self._take(self._whole_line(b""))
        return event or self._take(b"")

    def _hold(self, piece: bytes) -> None:
        if not piece:
            return
        self._count(piece)
        self._line.append(piece)

    def _count(self, piece: bytes) -> None:
        self._held_bytes += len(piece)
        if self._held_bytes > self._max_event_bytes:
            raise EventTooLargeError(f"an event of the stream is larger than {self._max_event_bytes} bytes")

    def _whole_line(self, end: bytes) -> bytes:
        self._count(end)
        line = end
        if self._line:
            line = b"".join((*self._line, end))
            self._line.clear()
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        return line

    def _take(self, line: bytes) -> ServerEvent | None:
        """The event that this line ends, if it is an empty one."""
        if not line:
            return self._event()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value
        elif field == b"id":
            self.last_id = value
        return None  # comments begin with the colon

    def _event(self) -> ServerEvent | None:
        name, data = self._name, self._data
        self._name, self._data, self._held_bytes = b"", [], 0
        if not data:
            return None
        return ServerEvent(name, data[0] if len(data) == 1 else b"\n".join(data))
