from typing import Any, Final

import orjson
import pytest

from services.jobs.batches.checking import MOST_ERRORS, BatchLine, FileCheck, LineError, is_blank, read_line

CHAT: Final = "/v1/chat/completions"


def line(**more: Any) -> bytes:
    return orjson.dumps({"custom_id": "c", "method": "POST", "url": CHAT, "body": {"model": "m"}} | more)


def test_a_line_is_read() -> None:
    assert read_line(line(), CHAT) == BatchLine("c", '{"model":"m"}')


@pytest.mark.parametrize("around", [b"%s\r", b"\xef\xbb\xbf%s"], ids=["crlf", "bom"])
def test_what_editors_leave_in_a_file_is_passed_over(around: bytes) -> None:
    assert read_line(around % line(), CHAT) == read_line(line(), CHAT)
    assert is_blank(around % b"")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "line_too_long"),
        (b"{", "invalid_json_line"),
        (b"[]", "invalid_json_line"),
        (b'{"a": NaN}', "invalid_json_line"),
        (b"\xff", "invalid_json_line"),
        (line(custom_id=""), "missing_custom_id"),
        (line(custom_id=1), "missing_custom_id"),
        (line(custom_id="x" * 513), "missing_custom_id"),
        (line(custom_id="a\x00b"), "missing_custom_id"),
        (line(method="GET"), "invalid_method"),
        (line(url="/v1/embeddings"), "mismatched_url"),
        (line(body=[]), "missing_body"),
        (line()[:-1].replace(b'"m"', b"[" * 300 + b"]" * 300) + b"}", "invalid_json_line"),
    ],
    ids=[
        "long",
        "cut",
        "list",
        "nan",
        "bytes",
        "empty-id",
        "number-id",
        "long-id",
        "nul-id",
        "get",
        "url",
        "no-body",
        "deep",
    ],
)
def test_what_is_no_line_is_told_and_never_repeated(text: bytes | None, code: str) -> None:
    read = read_line(text, CHAT)
    assert isinstance(read, LineError)
    assert read.code == code
    assert "xxx" not in read.message


def test_doubled_ids_blank_lines_and_too_many_are_found() -> None:
    check = FileCheck(CHAT, most_lines=3)
    for number, text in enumerate([line(), b"", b"  ", line(), line(custom_id="d"), line(custom_id="e")], 1):
        check.add(number, text)
    assert check.total == 4
    assert [(one["code"], one["line"]) for one in check.end()] == [("duplicate_custom_id", 4), ("too_many_lines", None)]
    assert check.has_failed


def test_so_many_errors_are_enough() -> None:
    check = FileCheck(CHAT, most_lines=1000)
    number = 0
    while not check.has_failed:
        number += 1
        check.add(number, b"{")
    assert number == len(check.end()) == MOST_ERRORS
