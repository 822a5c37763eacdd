"""The search for what was planted: it knows every form, and an answer that tells too much is seen at once."""

import base64
import json
from urllib.parse import quote

import pytest

from tests.support import planted

WORD = "opensesame0123"
API_KEY = f"tg_01234567_{'x' * 43}"


@pytest.mark.parametrize(
    "text",
    [
        f"key={WORD}",
        json.dumps({"key": WORD}),
        quote(f"key={WORD}&", safe=""),
        WORD.encode().hex(),
        WORD.encode().hex().upper(),
        *(base64.b64encode(f"{before}{WORD}{after}".encode()).decode() for before in ("", "a", "ab") for after in "xy"),
    ],
)
def test_the_search_knows_every_form(text: str) -> None:
    assert planted.Search({"word": WORD}).finds(text.encode()) == {"word"}


def test_the_search_knows_an_api_key() -> None:
    assert planted.Search({}).finds(f"Bearer {API_KEY}".encode()) == {planted.AN_API_KEY}
    assert planted.Search({}).finds(b"tg_01234567 is only the id of a key") == set()


@pytest.mark.parametrize(
    ("status", "text"),
    [(200, planted.KEY), (400, planted.PROMPT), (500, API_KEY), (401, planted.PROVIDER_KEY)],
    ids=["key", "prompt", "API key", "provider key"],
)
def test_an_answer_that_tells_too_much_is_seen_at_once(status: int, text: str) -> None:
    with pytest.raises(AssertionError, match="GET /api/keys"):
        planted.check_answer("GET", "/api/keys", status, text)
