"""A form is the same in whatever pieces it comes."""

from itertools import groupby

import pytest

from services.gateway.bodies import InvalidBodyError
from services.gateway.files.form import FileBegins, FormField, FormReader, Piece
from tests.support.forms import KIND, Part, file, form, purpose

SENT = form(purpose(), file(b"a\r\n--b0undar\r\n{}\r\n", "o\u00f1e.jsonl"), Part("expires_after[seconds]", b"3600"))


def read(sent: bytes, size: int) -> list[Piece]:
    reader = FormReader(KIND)
    pieces = [piece for start in range(0, len(sent), size) for piece in reader.add(sent[start : start + size])]
    reader.end()
    return pieces


@pytest.mark.parametrize("size", [1, 2, 3, 7, 30, 1000])
def test_it_is_the_same_in_pieces_of_any_size(size: int) -> None:
    joined: list[Piece] = []
    for are_bytes, pieces in groupby(read(SENT, size), key=lambda piece: isinstance(piece, bytes)):
        found = list(pieces)
        joined += [b"".join(piece for piece in found if isinstance(piece, bytes))] if are_bytes else found
    assert joined == [
        FormField("purpose", "batch"),
        FileBegins("file", "o\u00f1e.jsonl"),
        b"a\r\n--b0undar\r\n{}\r\n",
        FormField("expires_after[seconds]", "3600"),
    ]


@pytest.mark.parametrize("cut", [0, 1, 40, len(SENT) - 20])
def test_one_that_is_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(InvalidBodyError, match="cut off"):
        read(SENT[:cut], 1000)
