"""Events are read from bytes, however these are cut."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire.reading.server_events import EventTooLargeError, ServerEvent, ServerEvents


def _read(*pieces: bytes, max_event_bytes: int = 10_000) -> list[ServerEvent]:
    reader = ServerEvents(max_event_bytes)
    events = [event for piece in pieces for event in reader.read(piece)]
    last = reader.end()
    return [*events, last] if last else events


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        pytest.param(b"data: a\n\ndata: b\n\n", [(b"", b"a"), (b"", b"b")], id="two"),
        pytest.param(b"event: error\ndata: a\n\n", [(b"error", b"a")], id="named"),
        pytest.param(b"data: a\ndata:b\ndata\n\n", [(b"", b"a\nb\n")], id="of many lines"),
        pytest.param(b": hello\n\n:\ndata: a\n\n", [(b"", b"a")], id="comments"),
        pytest.param(b"\xef\xbb\xbfdata: a\n\n", [(b"", b"a")], id="byte order mark"),
        pytest.param(b"event: ping\n\ndata: a\n\n", [(b"", b"a")], id="no data, and its name is not the next one's"),
        pytest.param(b"id: 7\nretry: 10\nfoo: bar\ndata: a\n\n", [(b"", b"a")], id="other fields"),
        pytest.param(b"data: a", [(b"", b"a")], id="no end of the line"),
        pytest.param(b"data: a\n", [(b"", b"a")], id="no empty line at the end"),
        pytest.param(b"data:  a \n\n", [(b"", b" a ")], id="one space belongs to the form"),
        pytest.param(b"\n\n\n", [], id="only empty lines"),
    ],
)
def test_events_are_read(stream: bytes, events: list[tuple[bytes, bytes]]) -> None:
    assert _read(stream) == events


@given(
    lines=st.lists(st.sampled_from(["data: ä€😀", "data:", "event: x", ": c", "", "data: [DONE]", "data: a:b"])),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
    cuts=st.lists(st.integers(0, 200)),
)
def test_neither_line_ends_nor_cuts_change_what_is_read(lines: list[str], ends: str, cuts: list[int]) -> None:
    stream = "".join(line + ends for line in lines).encode()
    places = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    pieces = [stream[begin:end] for begin, end in itertools.pairwise(places)]
    assert _read(*pieces) == _read("".join(line + "\n" for line in lines).encode())


@pytest.mark.parametrize("stream", [b"data: " + b"x" * 200, b"data: x\n" * 40, b":" + b"c" * 200], ids=str)
def test_an_event_that_does_not_end_is_refused_in_time(stream: bytes) -> None:
    with pytest.raises(EventTooLargeError, match="larger than 100 bytes"):
        _read(*(stream[place : place + 1] for place in range(len(stream))), max_event_bytes=100)


def test_many_pieces_of_one_line_cost_in_proportion() -> None:
    began = time.process_time()
    pieces = [b"data: ", *[b"x"] * 300_000, b"\n\n"]
    assert len(_read(*pieces, max_event_bytes=400_000)) == 1
    assert time.process_time() - began < 10


def test_the_last_id_is_known_to_who_connects_again() -> None:
    events = ServerEvents(100)
    assert events.last_id == b""
    assert [event.data for event in events.read(b"id: 7\ndata: a\n\ndata: b\n\n")] == [b"a", b"b"]
    assert events.last_id == b"7"
