"""Pure: the lines of a file, from its bytes as they come."""

from collections.abc import Iterator

from shared.files.files import Line


class LineReader:
    """offset: where the first line begins. longest: bytes of a line that are held; of a longer one only its place is
    told."""

    def __init__(self, offset: int, longest: int) -> None:
        self._start = offset
        self._longest = longest
        self._size = 0  # of the line that has begun
        self._held = bytearray()  # nothing once it is too long

    def add(self, data: bytes) -> Iterator[Line]:
        *tails, rest = data.split(b"\n")
        for tail in tails:
            self._hold(tail)
            yield self._line(breaks=1)
        self._hold(rest)

    def end(self) -> Iterator[Line]:
        """The last line, when no line break ends it."""
        if self._size:
            yield self._line(breaks=0)

    def _hold(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= self._longest:
            self._held += data
        else:
            self._held.clear()

    def _line(self, breaks: int) -> Line:
        text = bytes(self._held) if self._size <= self._longest else None
        line = Line(self._start, self._start + self._size + breaks, text)
        self._start, self._size = line.end, 0
        self._held.clear()
        return line
