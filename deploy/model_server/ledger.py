"""What this server really received, against which the gateway's books are checked.

An entry is made when a request to a completion path is completely received, before anything is answered. It
holds no prompt, no key and no answer: of the text that was sent the length and the SHA-256. Counts cover everything
since the last clear, also entries no longer kept.
"""

import hashlib
from collections import Counter, deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from deploy.model_server.plan import Piece

MAX_ENTRIES = 200_000
MAX_TEXT = 200


@dataclass(slots=True)
class Entry:
    """`status` is None while nothing is sent; `finished`: the whole answer was handed to the socket.

    `body_bytes`: what was handed to it of the body. `text_bytes` and `text_sha256`: of the answer's text in that, in
    UTF-8, without the JSON around it; None when there was no text.
    """

    seq: int
    at: float
    path: str
    wire: str
    model: str | None
    stream: bool
    behaviour: str
    request_id: str | None
    key_fingerprint: str | None
    status: int | None = None
    finished: bool = False
    aborted_by_client: bool = False
    body_bytes: int = 0
    text_bytes: int = 0
    text_sha256: str | None = None

    def as_json(self) -> dict[str, object]:
        values: dict[str, object] = {name: getattr(self, name) for name in self.__slots__}
        values["at"] = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="microseconds")
        return values


class Ledger:
    """`seq` starts at 1 and never starts again, so that `since` stays true across a clear."""

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._entries: deque[Entry] = deque(maxlen=max_entries)
        self._last_seq = 0
        self._cleared_seq = 0
        self._open: dict[int, Entry] = {}
        self._open_texts = dict[int, "hashlib._Hash"]()
        self._reset_counts()

    def _reset_counts(self) -> None:
        self._by_behaviour: Counter[str] = Counter()
        self._by_status: Counter[int] = Counter()
        self._finished = 0
        self._aborted = 0
        self._unknown_paths = 0
        self._concurrent_peak = len(self._open)

    def clear(self) -> None:
        self._entries.clear()
        self._cleared_seq = self._last_seq
        self._reset_counts()

    def next_seq(self) -> int:
        return self._last_seq + 1

    def received(self, entry: Entry) -> None:
        self._last_seq = entry.seq
        self._entries.append(entry)
        self._by_behaviour[entry.behaviour] += 1
        self._open[entry.seq] = entry
        self._concurrent_peak = max(self._concurrent_peak, len(self._open))

    def received_elsewhere(self) -> None:
        """A POST to a path that this server does not know: counted, but no entry."""
        self._unknown_paths += 1

    def sent(self, entry: Entry, status: int) -> None:
        entry.status = status
        if self._counts(entry):
            self._by_status[status] += 1

    def passed_on(self, entry: Entry, piece: Piece) -> None:
        """Handed to the socket."""
        entry.body_bytes += len(piece.data)
        if piece.text:
            entry.text_bytes += len(piece.text)
            if (digest := self._open_texts.get(entry.seq)) is None:
                digest = self._open_texts[entry.seq] = hashlib.sha256()
            digest.update(piece.text)

    def ended(self, entry: Entry, *, finished: bool = False, aborted_by_client: bool = False) -> None:
        entry.finished = finished
        entry.aborted_by_client = aborted_by_client
        entry.text_sha256 = self._digest(entry)
        del self._open[entry.seq]
        self._open_texts.pop(entry.seq, None)
        if self._counts(entry):
            self._finished += finished
            self._aborted += aborted_by_client

    def _counts(self, entry: Entry) -> bool:
        return entry.seq > self._cleared_seq

    def summary(self) -> dict[str, object]:
        total = self._last_seq - self._cleared_seq
        by_status = {str(status): count for status, count in sorted(self._by_status.items())}
        if unanswered := total - self._by_status.total():
            by_status["none"] = unanswered
        return {
            "total": total,
            "open": len(self._open),
            "finished": self._finished,
            "aborted_by_client": self._aborted,
            "concurrent_peak": self._concurrent_peak,
            "unknown_paths": self._unknown_paths,
            "dropped": total - len(self._entries),
            "by_behaviour": dict(sorted(self._by_behaviour.items())),
            "by_status": by_status,
        }

    def snapshot(self, since: int = 0) -> list[Entry]:
        """Entries after `since` as they are now, in step with a summary taken in the same moment.

        Only open entries can still change, so only those are copied.
        """
        kept = (entry for entry in self._entries if entry.seq > since)
        return [self._as_it_is(entry) if entry.seq in self._open else entry for entry in kept]

    def _as_it_is(self, entry: Entry) -> Entry:
        return replace(entry, text_sha256=self._digest(entry))

    def _digest(self, entry: Entry) -> str | None:
        digest = self._open_texts.get(entry.seq)
        return None if digest is None else digest.hexdigest()

    def as_json(self) -> dict[str, object]:
        return {**self.summary(), "entries": [entry.as_json() for entry in self.snapshot()]}
