import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.bodies import InvalidBodyError, parse_json


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{} x",
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": "\\ud800"}',
        b'{"a": "\xff"}',
        b'{"a":' + b"[" * 100_000,
    ],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidBodyError, match="the body is not valid JSON") as caught:
        parse_json(body)
    assert caught.value.failure.http_status == 400


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"text"', b"true"])
def test_json_that_is_not_an_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidBodyError, match="must be a JSON object"):
        parse_json(body)


@pytest.mark.parametrize("depth", [255, 300, 1000])
def test_what_could_be_read_and_not_be_written_again_is_refused(depth: int) -> None:
    with pytest.raises(InvalidBodyError, match="nested too deeply"):
        parse_json(b'{"a":' + b"[" * depth + b"]" * depth + b"}")


def test_ordinary_nesting_is_taken() -> None:
    body = b'{"a":' + b"[" * 200 + b"]" * 200 + b"}"
    assert orjson.dumps(parse_json(body)) == body


@given(st.binary(max_size=100))
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    try:
        parsed = parse_json(body)
    except InvalidBodyError:
        return
    assert orjson.loads(orjson.dumps(parsed)) == parsed
