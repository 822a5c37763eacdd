"""A caller that reads streams of the benchmarks' endpoint: when each chunk came, and whether all came, once."""

import re
from time import monotonic_ns, perf_counter

from benchmarks.load.caller import Caller
from benchmarks.load.tally import Tally

_CHUNK = re.compile(rb'"content":\s*"(\d+):(\d+)"')  # sequence, and when it was sent: `benchmarks/endpoint`
_DONE = b"data: [DONE]"


class StreamCaller(Caller):
    """Only the content of chunks is looked at: reading them as JSON would cost more than what is measured."""

    def __init__(self, request: bytes, tally: Tally, chunks: int) -> None:
        super().__init__(request, tally)
        self._chunks = chunks
        self._expected = 0
        self._rest = b""
        self._is_done = False

    def on_message_begin(self) -> None:
        self._expected, self._rest, self._is_done = 0, b"", False

    def on_body(self, body: bytes) -> None:
        """A piece of the response: whole events, and perhaps the beginning of another one."""
        now_ns = monotonic_ns()
        events, separator, self._rest = (self._rest + body).rpartition(b"\n\n")
        if not separator:
            return
        for sequence, sent_ns in _CHUNK.findall(events):
            self._take(int(sequence), now_ns - int(sent_ns))
        if _DONE in events:
            self._is_done = True

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() == 200:
            self._tally.streams.stream_ended(self._chunks - self._expected, is_done=self._is_done)
        super().on_message_complete()

    def _take(self, sequence: int, delay_ns: int) -> None:
        seen, now = self._tally.streams, perf_counter()
        if sequence < self._expected:
            seen.doubled += 1
            return
        if sequence == 0:
            seen.first_chunk_us.append(int((now - self._sent_at) * 1_000_000))
        seen.lost += sequence - self._expected
        self._expected = sequence + 1
        seen.chunks += 1
        if self._tally.counts_from <= now <= self._tally.ends_at:
            seen.delays_us.append(delay_ns // 1000)
