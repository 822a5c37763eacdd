"""Pure: which inferences or calls a reader asks for."""

import re
from collections.abc import Mapping
from typing import NamedTuple, get_args

from shared.errors import CATALOGUE, TallygateError
from shared.events.bounds import MAX_NAME, MOST_TAGS, SESSION, TAG_NAME, TAG_VALUE
from shared.events.inference import Settlement
from shared.operations import Operation
from shared.registry import canonical_reference

SETTLED: tuple[str, ...] = get_args(Settlement)
OPEN = ("accepted", "running")
STATES = (*OPEN, *SETTLED)
OPERATIONS: tuple[str, ...] = get_args(Operation)
MAX_LIMIT, DEFAULT_LIMIT = 200, 50

_TAG = re.compile(f"({TAG_NAME})=({TAG_VALUE})")


class Filters(NamedTuple):
    """None, and no tags: whatever it is. model: an id of a model that was called, whether it answered or not.
    error_type: with which an inference ended, or one of its calls. key: the id of an API key."""

    state: str | None = None
    model: str | None = None
    error_type: str | None = None
    operation: str | None = None
    key: str | None = None
    session: str | None = None
    tags: tuple[tuple[str, str], ...] = ()


def parse_filters(query: Mapping[str, str]) -> Filters:
    """Raises `invalid_request` for what nothing can have, with what there is."""
    return Filters(
        state=_one_of("state", query, STATES),
        model=canonical_reference(_text("model", query)),
        error_type=_one_of("error_type", query, tuple(CATALOGUE)),
        operation=_one_of("operation", query, OPERATIONS),
        key=_text("key", query),
        session=_session(query),
        tags=_tags(query.get("tag")),
    )


def parse_live_filters(query: Mapping[str, str]) -> Filters:
    """As `parse_filters`: the live feed tells what has ended."""
    _one_of("state", query, SETTLED)
    return parse_filters(query)


def parse_limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(DEFAULT_LIMIT))
    limit = int(text) if re.fullmatch(r"[0-9]{1,3}", text, re.ASCII) else 0
    if not 1 <= limit <= MAX_LIMIT:
        raise TallygateError(
            "invalid_request", f"limit must be 1 to {MAX_LIMIT}", tips=("Follow next_cursor for more.",)
        )
    return limit


def _one_of(name: str, query: Mapping[str, str], known: tuple[str, ...]) -> str | None:
    value = query.get(name)
    if value is not None and value not in known:
        raise TallygateError("invalid_request", f"{name} must be one of {', '.join(known)}")
    return value


def _text(name: str, query: Mapping[str, str]) -> str | None:
    value = query.get(name)
    if value is not None and (not 0 < len(value) <= MAX_NAME or "\x00" in value):
        raise TallygateError("invalid_request", f"{name} must be 1 to {MAX_NAME} characters, none of them NUL")
    return value


def _session(query: Mapping[str, str]) -> str | None:
    value = query.get("session")
    if value is not None and re.fullmatch(SESSION, value) is None:
        detail = "session must be 1 to 128 characters of A-Za-z0-9_.:- as its header is"
        raise TallygateError("invalid_request", detail)
    return value


def _tags(text: str | None) -> tuple[tuple[str, str], ...]:
    """Inferences must have all of them."""
    if text is None:
        return ()
    found = [_TAG.fullmatch(part.strip()) for part in text.split(",", MOST_TAGS)]
    tags = tuple((tag[1], tag[2]) for tag in found if tag is not None)
    if len(tags) != len(found) or len(found) > MOST_TAGS:
        detail = f"tag must be name=value, as in x-tallygate-tags, or up to {MOST_TAGS} with commas between them"
        raise TallygateError("invalid_request", detail, tips=("Send tag=team=search, or tag=team=search,env=prod.",))
    return tags
