"""The chunks of a stream are kept small and come out as they were."""

import pytest

from shared.wire.reading.chunk_log import ChunkLog, UnreadableLogError, chunks_in

_CHUNK = (
    b'{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"%d"},"finish_reason":null}]}'
)


def logged(*chunks: bytes) -> ChunkLog:
    log = ChunkLog()
    for chunk in chunks:
        log.add(chunk)
    return log


def test_what_was_added_comes_out_also_in_the_middle() -> None:
    chunks = [_CHUNK % number for number in range(2000)]
    log = logged(*chunks[:1000])
    assert list(chunks_in(log.bytes_so_far, 10**6)) == chunks[:1000]
    for chunk in chunks[1000:]:
        log.add(chunk)
    assert list(chunks_in(log.bytes_so_far, 10**6)) == chunks


def test_a_stream_is_kept_in_a_tenth_of_its_bytes() -> None:
    log = logged(*(_CHUNK % number for number in range(2000)))
    assert len(log.bytes_so_far) < 2000 * len(_CHUNK) / 10


def test_an_empty_log_holds_nothing() -> None:
    assert list(chunks_in(ChunkLog().bytes_so_far, 0)) == []


@pytest.mark.parametrize(
    "log", [b"nonsense", logged(_CHUNK % 1).bytes_so_far[:-30]], ids=["no log", "cut off"]
)  # fmt: skip
def test_what_is_no_log_is_told(log: bytes) -> None:
    with pytest.raises(UnreadableLogError):
        list(chunks_in(log, 10**6))


def test_a_log_that_unfolds_to_too_much_is_told_before_it_is_held() -> None:
    log = logged(*(b"x" * 10_000 for _ in range(1000)))
    with pytest.raises(UnreadableLogError, match="more than 100000 bytes"):
        list(chunks_in(log.bytes_so_far, 100_000))
