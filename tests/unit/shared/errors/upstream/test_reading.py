"""What is read of a body, in any form."""

from typing import Any

import orjson
import pytest

from shared.errors.upstream import UpstreamError

NO = {"message": "no"}


@pytest.mark.parametrize(
    ("body", "message", "names"),
    [
        ({"error": {"message": "no", "type": "kind", "param": None, "code": "why"}}, "no", ("kind", "why")),
        ({"type": "error", "error": {"type": "kind", "message": "no"}}, "no", ("kind",)),
        ({"error": None, **NO}, "no", ()),
        ({"error": True, **NO}, "no", ()),
        ({"error": "", **NO}, "no", ()),
        ({"error": "invalid_client", "error_description": "no"}, "no", ("invalid_client",)),
        ({"error": "Bad Request", "message": ["a", "b"], "statusCode": 400}, "a; b", ()),
        ({"errors": ["a", "b", "a"]}, "a; b", ()),
        ({"errors": [NO, {"title": "t", "detail": "d"}]}, "no; d", ()),
        ({"title": "t", "detail": "d", "type": "about:blank", "status": 400}, "d", ("about:blank",)),
        ({"title": "t"}, "t", ()),
        ({"detail": "Not Found"}, "Not Found", ()),
        ({"detail": {"error": NO}}, "no", ()),
        ({"detail": [{"loc": ["body", "a", 0], "msg": "no", "type": "missing", "input": "MINE"}]}, "body.a.0: no",
         ("missing",)),
        ({"message": {"detail": [{"loc": ["body"], "msg": "no"}]}}, "body: no", ()),
        ([{"error": NO}], "no", ()),
        (["no"], "no", ()),
        ("no", "no", ()),
        ({"msg": "short"}, "short", ()),
        ({"Message": "no", "Code": "Why"}, "no", ("Why",)),
        ({"errorMessage": "no", "errorCode": "why"}, "no", ("why",)),
        ({"error": {"message": orjson.dumps({"error": NO}).decode()}}, "no", ()),
        ({"error": {"message": "Wrapped: " + orjson.dumps({"error": NO}).decode() + " and more"}}, "no", ()),
        ({"error": {"message": "A{b} is wrong"}}, "A{b} is wrong", ()),
        ({"error": {"message": "Failed: {'message': 'no', 'code': 1}"}}, "Failed: no", ()),
        ({"error": {"message": "Failed: {'input': 'MINE'}"}}, "Failed", ()),
        ({"error": {"message": "Provider failed", "metadata": {"raw": "no"}}}, "Provider failed: no", ()),
        ({"error": {"message": "no", "metadata": {"flagged_input": "MINE"}}}, "no", ()),
        ({"error": {"message": "<think> is not closed"}}, "<think> is not closed", ()),
        ({"error": {"unknown": 1}}, "", ()),
        ({"error": {"code": "why"}}, "", ("why",)),
        ({"error": {"message": "<html><title>502 Bad &amp; Gone</title><p>p</p></html>"}}, "502 Bad & Gone", ()),
        (None, "", ()),
        (7, "", ()),
    ],
    ids=str,
)  # fmt: skip
def test_the_endpoints_own_sentence_is_read_and_what_it_calls_the_error(
    body: Any, message: str, names: tuple[str, ...]
) -> None:
    read = UpstreamError.parse(orjson.dumps(body))
    assert (read.message, read.names) == (message, names)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"plain  text\n", "plain text"),
        (b"", ""),
        (b"  ", ""),
        (b"\xff\xfe broken", "\ufffd\ufffd broken"),
        (b'\xef\xbb\xbf{"error": "no"}', "no"),
        (b'event: error\ndata: {"error": {"message": "no"}}\n\n', "no"),
        (b'data: {"error": {"message": "no"}}\n\ndata: [DONE]\n\n', "no"),
        (b'{"error": {"message": "cut', ""),
        (b'{"error": {"message": "no", "type": "cut', "no"),
        (b"5 < 6 > 4", "5 < 6 > 4"),
        (b"<!DOCTYPE html><HTML><HEAD><TITLE>\n502\n Bad Gateway </TITLE></HEAD><p>Sorry</p>", "502 Bad Gateway"),
        (b"<html><body><script>var a = '<b>';</script><h1>502</h1>\n<p>Bad&nbsp;Gateway</p></body></html>",
         "502 Bad Gateway"),
        (b"<html><style>p {}</style><!-- no --><svg><text>x</text></svg><p>Gone</p>", "Gone"),
        (b"<html><script>never closed <p>Gone</p>", ""),
        (b"<?xml version='1.0'?><Error><Message>no</Message></Error>", "no"),
        (b"[" * 2000, "[" * 2000),
    ],
)  # fmt: skip
def test_what_is_no_json_is_read_too(body: bytes, message: str) -> None:
    assert UpstreamError.parse(body).message == message


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": {"code": 429}}, 429),
        ({"error": {"code": "503"}}, 503),
        ({"error": {"code": 429.0}}, 429),
        ({"statusCode": 500, "message": "no"}, 500),
        ({"error": {"status": "429 Too Many Requests"}}, 429),
        ({"error": {"code": "1302"}}, None),
        ({"error": {"code": 200}}, None),
        ({"error": {"code": True}}, None),
        ({"error": {"code": None}, "status": 418}, 418),
    ],
    ids=str,
)
def test_the_status_that_it_names_is_read(body: Any, status: int | None) -> None:
    assert UpstreamError.parse(orjson.dumps(body)).status == status
