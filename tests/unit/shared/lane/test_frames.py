"""Frames are read from bytes, however these are cut; what is no frame ends the connection."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.lane.frames import BrokenLaneError, Frame, FrameReader, Kind

_FRAMES = st.builds(Frame, st.sampled_from(Kind), st.binary(min_size=16, max_size=16), st.binary(max_size=40))


@given(frames=st.lists(_FRAMES, max_size=6), cuts=st.lists(st.integers(0, 400)))
def test_frames_come_out_as_they_went_in(frames: list[Frame], cuts: list[int]) -> None:
    sent = b"".join(frame.encoded() for frame in frames)
    places = sorted({0, *(cut for cut in cuts if cut < len(sent)), len(sent)})
    reader = FrameReader(1000)
    pieces = [sent[begin:end] for begin, end in itertools.pairwise(places)]
    assert [frame for piece in pieces for frame in reader.read(piece)] == frames


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"GET / HTTP/1.1\r\nhost: gateway\r\n\r\n", id="another protocol"),
        pytest.param(bytes(4) + b"\x03" + bytes(16), id="shorter than a frame"),
        pytest.param((1001).to_bytes(4) + b"\x03" + bytes(16), id="larger than may be"),
        pytest.param((17).to_bytes(4) + b"\x00" + bytes(16), id="an unknown kind"),
    ],
)
def test_what_is_no_frame_is_told(sent: bytes) -> None:
    with pytest.raises(BrokenLaneError):
        list(FrameReader(1000).read(sent))


def test_what_came_before_it_is_still_read() -> None:
    good = Frame(Kind.CHUNK, bytes(16), b"a")
    reader = FrameReader(1000)
    read = reader.read(good.encoded() + bytes(30))
    assert next(read) == good
    with pytest.raises(BrokenLaneError):
        next(read)
