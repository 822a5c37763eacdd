import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.access import ApiKey, hash_key, new_api_key
from shared.access.keys import parse_key

TEXT = "tg_01234567_abcdefghijklmnopqrst"


def test_a_new_key_has_the_form_that_is_parsed() -> None:
    key = new_api_key()
    assert re.fullmatch(r"tg_[0-9a-f]{8}_[A-Za-z0-9_-]{43}", key.text)
    assert parse_key(key.text) == key


def test_new_keys_differ() -> None:
    assert len({new_api_key().text for _ in range(100)}) == 100


def test_the_id_is_the_public_part() -> None:
    assert parse_key(TEXT) == ApiKey("01234567", TEXT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tg_",
        "sk-proj-abcdefghijklmnopqrst",
        TEXT.upper(),
        TEXT[:-1],
        TEXT + "!",
        TEXT + "\n",
        " " + TEXT,
        TEXT + "a" * 81,
        TEXT.replace("01234567", "0123456"),
        TEXT.replace("01234567", "0123456g"),
        TEXT.replace("abc", "äbc"),
    ],
)
def test_what_is_not_a_key_is_not_parsed(text: str) -> None:
    assert parse_key(text) is None


@given(st.text())
def test_any_text_can_be_parsed(text: str) -> None:
    assert parse_key(text) is None


def test_keys_are_kept_as_sha_256() -> None:
    assert hash_key(TEXT) == hashlib.sha256(TEXT.encode()).digest()
