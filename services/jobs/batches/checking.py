"""Pure: is this a file that a batch can be made of? Line by line, with memory for one number of each."""

import hashlib
from codecs import BOM_UTF8
from typing import Any, NamedTuple

import orjson

from shared.batches import Endpoint

LONGEST_LINE = 4 * 1024 * 1024  # a body as large as the gateway takes at all, and what stands around it
MOST_ERRORS = 50  # that are told
_MOST_ID_CHARS = 512


class BatchLine(NamedTuple):
    """body: as JSON."""

    custom_id: str
    body: str


class LineError(NamedTuple):
    code: str
    message: str
    param: str | None = None

    def at(self, line: int | None) -> dict[str, Any]:
        """As a batch tells it."""
        return {"code": self.code, "message": self.message, "line": line, "param": self.param}


def is_blank(text: bytes | None) -> bool:
    return text is not None and not _json_of(text)


def read_line(text: bytes | None, endpoint: Endpoint) -> BatchLine | LineError:
    """text: None for a line that is too long. Never repeats what stands in it."""
    if text is None:
        return LineError("line_too_long", f"the line has more than {LONGEST_LINE} bytes")
    try:
        line = orjson.loads(_json_of(text))
    except orjson.JSONDecodeError as error:
        return LineError("invalid_json_line", f"the line is not valid JSON: {error}")
    if not isinstance(line, dict):
        return LineError("invalid_json_line", "the line must be a JSON object")
    custom_id = line.get("custom_id")
    if not isinstance(custom_id, str) or not 0 < len(custom_id) <= _MOST_ID_CHARS or "\x00" in custom_id:
        detail = f"custom_id must be a text of 1 to {_MOST_ID_CHARS} characters, without NUL"
        return LineError("missing_custom_id", detail, "custom_id")
    if line.get("method", "POST") != "POST":
        return LineError("invalid_method", "method must be POST", "method")
    if line.get("url") != endpoint:
        return LineError("mismatched_url", f"url must be {endpoint}, the endpoint of the batch", "url")
    body = line.get("body")
    if not isinstance(body, dict):
        return LineError("missing_body", "body must be a JSON object: the request", "body")
    try:
        return BatchLine(custom_id, orjson.dumps(body).decode())
    except TypeError:  # orjson reads deeper nesting than it writes
        return LineError("invalid_json_line", "the body is nested too deeply", "body")


def _json_of(text: bytes) -> bytes:
    """Without what some editors put in front of a file, which stands in the middle when files are joined."""
    return text.removeprefix(BOM_UTF8).strip()


class FileCheck:
    """What is found while the lines of a file go by. total: of the lines that are not blank."""

    def __init__(self, endpoint: Endpoint, most_lines: int) -> None:
        self.total = 0
        self.errors: list[dict[str, Any]] = []
        self._endpoint = endpoint
        self._most_lines = most_lines
        self._seen: set[int] = set()  # digests: so many custom_ids may be much larger

    @property
    def has_failed(self) -> bool:
        """There is no use in reading on."""
        return len(self.errors) >= MOST_ERRORS or self.total > self._most_lines

    def add(self, number: int, text: bytes | None) -> None:
        if is_blank(text):
            return
        self.total += 1
        if self.total > self._most_lines:
            detail = f"the file has more than {self._most_lines} lines (TALLYGATE_JOBS_MAX_BATCH_LINES)"
            self.errors.append(LineError("too_many_lines", detail).at(None))
            return
        read = read_line(text, self._endpoint)
        error = read if isinstance(read, LineError) else self._doubled(read.custom_id)
        if error is not None:
            self.errors.append(error.at(number))

    def end(self) -> list[dict[str, Any]]:
        """All that is wrong."""
        if not self.total and not self.errors:
            self.errors.append(LineError("empty_file", "the file has no lines").at(None))
        return self.errors

    def _doubled(self, custom_id: str) -> LineError | None:
        digest = int.from_bytes(hashlib.blake2b(custom_id.encode(), digest_size=8).digest())
        if digest in self._seen:
            return LineError("duplicate_custom_id", "custom_id stands in an earlier line, too", "custom_id")
        self._seen.add(digest)
        return None
