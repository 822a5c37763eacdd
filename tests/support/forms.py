"""Multipart forms as clients send them."""

from collections.abc import Sequence
from typing import NamedTuple

BOUNDARY = b"b0undary"
KIND = "multipart/form-data; boundary=b0undary"


class Part(NamedTuple):
    """filename: None for a plain field."""

    name: str
    value: bytes
    filename: str | None = None


def purpose(value: bytes = b"batch") -> Part:
    return Part("purpose", value)


def file(value: bytes = b"{}\n", filename: str = "requests.jsonl", name: str = "file") -> Part:
    return Part(name, value, filename)


def form(*parts: Part, ended: bool = True) -> bytes:
    return b"".join(map(_written, parts)) + (b"--" + BOUNDARY + b"--\r\n" if ended else b"")


def headers(kind: str = KIND) -> Sequence[tuple[bytes, bytes]]:
    return [(b"content-type", kind.encode())]


def _written(part: Part) -> bytes:
    named = f'form-data; name="{part.name}"' + (f'; filename="{part.filename}"' if part.filename is not None else "")
    return b"--%b\r\ncontent-disposition: %b\r\n\r\n%b\r\n" % (BOUNDARY, named.encode(), part.value)
