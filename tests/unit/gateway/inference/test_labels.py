"""What a caller says of its own requests, in headers."""

import pytest

from services.gateway.bodies import InvalidBodyError
from services.gateway.headers import SESSION_HEADER, TAGS_HEADER
from services.gateway.inference.labels import known_labels, labels

_SIXTEEN = {f"tag-{n}": "x" for n in range(16)}


def said(tags: dict[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in tags.items())


def test_most_requests_say_nothing() -> None:
    assert labels({}) == labels({SESSION_HEADER: "", TAGS_HEADER: ""}) == (None, None)


def test_a_session_and_tags_with_spaces_around_them() -> None:
    headers = {SESSION_HEADER: "checkout:42", TAGS_HEADER: "team=search, env=a=b c ,n.o-t_e=~"}
    assert labels(headers) == ("checkout:42", {"team": "search", "env": "a=b c", "n.o-t_e": "~"})


@pytest.mark.parametrize("tags", [_SIXTEEN, {"n" * 64: "v" * 256}], ids=["sixteen", "long"])
def test_as_many_and_as_long_as_may_be(tags: dict[str, str]) -> None:
    assert labels({TAGS_HEADER: said(tags)}).tags == tags


@pytest.mark.parametrize("text", [" ", "a b", "caf\u00e9", "a/b", "x" * 129, "a\n"])
def test_a_session_is_refused_with_what_it_may_be(text: str) -> None:
    with pytest.raises(InvalidBodyError, match="1 to 128 letters") as caught:
        labels({SESSION_HEADER: text})
    assert (caught.value.failure.http_status, caught.value.param) == (400, SESSION_HEADER)
    assert known_labels({SESSION_HEADER: text, TAGS_HEADER: "a=b"}) == (None, None)


@pytest.mark.parametrize(
    "text",
    [
        " ", "a", "=b", "a=", "a= ", "a=b,", "a=b,a=c", "a b=c", "a=caf\u00e9", "a=\x1b[31m", "n" * 65 + "=v",
        "n=" + "v" * 257, said(_SIXTEEN | {"one-more": "x"}), said({f"t{n}": "v" for n in range(1000)}),
    ],
    ids=[
        "nothing", "no-value", "no-name", "empty", "a-space", "a-comma-more", "twice", "a-space-in-a-name", "accent",
        "escape", "long-name", "long-value", "seventeen", "a-thousand",
    ],
)  # fmt: skip
def test_tags_are_refused_with_what_they_may_be(text: str) -> None:
    with pytest.raises(InvalidBodyError, match="at most 16 different tags, as x-tallygate-tags: team=search") as caught:
        labels({TAGS_HEADER: text})
    assert caught.value.param == TAGS_HEADER
