import pytest

from services.monitor.lists.filters import Filters, parse_filters, parse_limit
from shared.errors import TallygateError


def test_nothing_is_asked_for_when_nothing_is_said() -> None:
    assert parse_filters({"from": "2026-11-23", "limit": "3"}) == Filters()


def test_all_of_them() -> None:
    query = {
        "state": "failed", "model": "openai/gpt-5", "error_type": "rate_limited", "operation": "chat", "key": "k1",
        "session": "checkout:42", "tag": "team=search, env=a=b",
    }  # fmt: skip
    tags = (("team", "search"), ("env", "a=b"))
    expected = Filters("failed", "openai:gpt-5", "rate_limited", "chat", "k1", "checkout:42", tags)
    assert parse_filters(query) == expected


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"state": "done"}, "state must be one of accepted, running, completed"),
        ({"error_type": "<script>"}, "error_type must be one of"),
        ({"operation": "poetry"}, "operation must be one of chat, embeddings"),
        ({"key": ""}, "key must be 1 to 600"),
        ({"model": "a\x00b"}, "model must be 1 to 600"),
        ({"session": "a b"}, "session must be 1 to 128"),
        ({"tag": "team"}, "tag must be name=value"),
        ({"tag": "team=a,"}, "tag must be name=value"),
        ({"tag": ",".join(f"t{n}=v" for n in range(1000))}, "tag must be name=value"),
    ],
)
def test_what_nothing_can_have_is_refused(query: dict[str, str], told: str) -> None:
    with pytest.raises(TallygateError, match=told) as caught:
        parse_filters(query)
    assert caught.value.failure.http_status == 400


@pytest.mark.parametrize("text", ["", "0", "201", "-1", "1e2", "1000", "\u0661"])
def test_a_page_has_a_limit(text: str) -> None:
    assert parse_limit({}) == 50
    assert parse_limit({"limit": "200"}) == 200
    with pytest.raises(TallygateError, match="limit must be 1 to 200"):
        parse_limit({"limit": text})
