import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.errors.redact import MAX_DETAIL_CHARS, redact

SECRETS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="[]"), min_size=8)


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-abcDEF123456",
        "sk-ant-api03-abc_DEF-123",
        "sk-or-v1-0123456789abcdef",
        "sk-abc***********wxyz",
        "gsk_abcDEF123456",
        "csk-abcDEF123456",
        "hf_abcDEFghiJKL",
        "xai-abcDEF123456",
        "nvapi-abcDEF123456",
        "pplx-abcDEF123456",
        "ghp_abcDEF123456",
        "github_pat_11ABC_def",
        "glpat-abcDEF123456",
        "whsec_abcDEF+/123456=",
        "AIzaSyA0123456789abcdef",
        "AKIAIOSFODNN7EXAMPLE",
        "r8_abcDEF0123456789",
        "tg_01234567_abcdefghijklmnopqrst",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_123",
    ],
)
def test_keys_are_known_by_their_form(key: str) -> None:
    assert redact(f"the key '{key}', which was sent, is not valid") == (
        "the key '[redacted]', which was sent, is not valid"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.def/ghi+=", "Authorization: Bearer [redacted]"),
        ("authorization: bearer abc", "authorization: bearer [redacted]"),
        ("BEARER abc", "BEARER [redacted]"),
        ("api_key=abc&x=1", "api_key=[redacted]&x=1"),
        ('{"apiKey": "abc"}', '{"apiKey": "[redacted]"}'),
        ("x-api-key: abc", "x-api-key: [redacted]"),
        ("OPENAI_API_KEY=abc", "OPENAI_API_KEY=[redacted]"),
        ("wrong API key: abc", "wrong API key: [redacted]"),
        ("at https://user:pa:ss@w0rd@host/v1", "at https://[redacted]@host/v1"),
        ("at https://token@host:8/v1", "at https://[redacted]@host:8/v1"),
    ],
)
def test_keys_are_known_by_what_stands_before_or_after(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "The model `gpt-5` does not exist",
        "maximum context length is 8192 tokens; see https://host/docs",
        "inference 0190f1c2-7c1e-7abc-8def-0123456789ab",
        "mail to someone@example.com",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redact(text) == text


def test_a_given_secret_is_taken_out_wherever_it_stands() -> None:
    assert redact("xhunter2yhunter2", ("hunter2",)) == "x[redacted]y[redacted]"


def test_a_secret_that_begins_with_another_is_taken_out_whole() -> None:
    assert redact("abcdefgh-tail", ("abcdefgh", "abcdefgh-tail")) == "[redacted]"


def test_a_secret_cannot_hide_behind_control_characters() -> None:
    assert redact("open\x00sesame", ("open sesame",)) == "[redacted]"


def test_an_empty_secret_changes_nothing() -> None:
    assert redact("text", ("",)) == "text"


def test_control_characters_become_spaces() -> None:
    assert redact("a\x00b\x1bc\rd\x7fe") == "a b c d e"


def test_long_texts_are_cut_to_the_limit() -> None:
    assert redact("x" * MAX_DETAIL_CHARS) == "x" * MAX_DETAIL_CHARS
    assert redact("x" * (MAX_DETAIL_CHARS + 1)) == "x" * (MAX_DETAIL_CHARS - 1) + "…"


@given(st.text(), SECRETS, st.text(), st.text())
def test_a_given_secret_never_survives(before: str, secret: str, between: str, after: str) -> None:
    assume(secret not in "[redacted]")
    assert secret not in redact(before + secret + between + secret + after, (secret,))


@given(st.text(), st.lists(SECRETS, max_size=3).map(tuple))
def test_redacting_twice_changes_nothing_more(text: str, secrets: tuple[str, ...]) -> None:
    assume(not any(secret in "[redacted]" for secret in secrets))
    once = redact(" ".join((text, *secrets)), secrets)
    assert redact(once, secrets) == once
