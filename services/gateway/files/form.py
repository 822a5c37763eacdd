"""Pure: a multipart form as it comes, piece by piece. Of its fields little is held, of its file nothing."""

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, Field, WithJsonSchema
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from services.gateway.bodies import InvalidBodyError
from shared.errors import TallygateError

_Bytes = Annotated[bytes, WithJsonSchema({"type": "string", "format": "binary"})]


class FileForm(BaseModel):
    """POST /v1/files, a multipart form. Other fields are passed over. For the documents: it is read piece by piece."""

    file: _Bytes
    purpose: Literal["batch"]
    anchor: Literal["created_at"] | None = Field(default=None, alias="expires_after[anchor]")
    seconds: int | None = Field(default=None, ge=3600, le=2_592_000, alias="expires_after[seconds]")


FORM_BYTES = 128 * 1024  # of all that is not the file's: fields, the heads of parts, and what stands between them
_MOST_FIELDS = 20
_MOST_FIELD_BYTES = 1000
_MOST_BOUNDARY = 70  # RFC 2046
_SHOWN_CHARS = 60


class FormField(NamedTuple):
    name: str
    value: str


class FileBegins(NamedTuple):
    """name: of its field. filename: as it was sent."""

    name: str
    filename: str


# bytes: the next ones of the file that has begun.
Piece = FormField | FileBegins | bytes


class FormReader:
    def __init__(self, content_type: str) -> None:
        """Raises TallygateError (415, 400) when the body is said to be no multipart form."""
        self._pieces: list[Piece] = []
        self._fields = 0
        self._head: dict[bytes, bytes] = {}
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._name = ""
        self._value: bytearray | None = None  # None in a file
        self.ended = False
        self._parser = MultipartParser(
            _boundary(content_type),
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def add(self, data: bytes) -> list[Piece]:
        """What `data` brings. Raises InvalidBodyError."""
        try:
            self._parser.write(data)
        except FormParserError:
            raise InvalidBodyError("the form is not well formed, or a part has too long a head") from None
        pieces, self._pieces = self._pieces, []
        return pieces

    def end(self) -> None:
        """Raises InvalidBodyError when the form has not ended by itself."""
        if not self.ended:
            raise InvalidBodyError("the form is cut off: its last boundary is missing")

    def _on_part_begin(self) -> None:
        self._fields += 1
        if self._fields > _MOST_FIELDS:
            raise InvalidBodyError(f"the form has more than {_MOST_FIELDS} fields")
        self._head = {}

    def _on_header_end(self) -> None:
        name, value = self._header
        self._head[bytes(name).lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def _on_headers_finished(self) -> None:
        said = _disposition(self._head)
        name, filename = said.get(b"name"), said.get(b"filename")
        if name is None:
            raise InvalidBodyError("a part of the form has no name")
        self._name = _text(name)
        self._value = bytearray() if filename is None else None
        if filename is not None:
            self._pieces.append(FileBegins(self._name, _text(filename)))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._value is None:
            self._pieces.append(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > _MOST_FIELD_BYTES:
            raise InvalidBodyError(f"is longer than {_MOST_FIELD_BYTES} bytes, and no file", self._name[:_SHOWN_CHARS])

    def _on_part_end(self) -> None:
        if self._value is not None:
            self._pieces.append(FormField(self._name, _text(self._value)))

    def _on_end(self) -> None:
        self.ended = True


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        tips = ("Send the file as a form: curl -F purpose=batch -F file=@requests.jsonl",)
        detail = f"the body is said to be {_text(kind)[:_SHOWN_CHARS]!r}, and is to be multipart/form-data"
        raise TallygateError("invalid_request", detail, http_status=415, tips=tips)
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= _MOST_BOUNDARY:
        raise InvalidBodyError("the content-type names no boundary that can be used")
    return boundary


def _disposition(head: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    return parse_options_header(head.get(b"content-disposition", b"").decode("latin-1"))[1]


def _text(raw: bytes | bytearray) -> str:
    return raw.decode(errors="replace")
