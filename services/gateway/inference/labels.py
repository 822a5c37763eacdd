"""Pure: what a caller says of its own requests, to find them again: the session and the tags in its headers."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from services.gateway.bodies import InvalidBodyError
from services.gateway.headers import SESSION_HEADER, TAGS_HEADER
from shared.events.bounds import MOST_TAGS, SESSION, TAG_NAME, TAG_VALUE

_SESSION, _TAG = re.compile(SESSION), re.compile(f"({TAG_NAME})=({TAG_VALUE})")


class Labels(NamedTuple):
    session: str | None = None
    tags: dict[str, str] | None = None


_NONE = Labels()


def labels(headers: Mapping[str, str]) -> Labels:
    """An empty header says nothing. Raises InvalidBodyError, which names the header."""
    session, tags = headers.get(SESSION_HEADER) or None, headers.get(TAGS_HEADER) or None
    if session is None and tags is None:
        return _NONE
    if session is not None and _SESSION.fullmatch(session) is None:
        raise InvalidBodyError(
            f"header {SESSION_HEADER} must be 1 to 128 letters, digits and characters of _.:-, as {SESSION_HEADER}: "
            "checkout-42", SESSION_HEADER,
        )  # fmt: skip
    return Labels(session, None if tags is None else _tags(tags))


def known_labels(headers: Mapping[str, str]) -> Labels:
    """For a request that is refused before it is read: whatever is wrong with them is not what it is refused for."""
    try:
        return labels(headers)
    except InvalidBodyError:
        return _NONE


def _tags(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    parts = text.split(",", MOST_TAGS)
    for part in parts:
        tag = _TAG.fullmatch(part.strip())
        if tag is None or tag[1] in found:
            raise _wrong_tags()
        found[tag[1]] = tag[2]
    if len(parts) > MOST_TAGS:
        raise _wrong_tags()
    return found


def _wrong_tags() -> InvalidBodyError:
    return InvalidBodyError(
        f"header {TAGS_HEADER} must be at most {MOST_TAGS} different tags, as {TAGS_HEADER}: team=search,env=prod; a "
        "name is 1 to 64 letters, digits and characters of _.-, a value 1 to 256 printable ASCII characters without "
        "commas", TAGS_HEADER,
    )  # fmt: skip
