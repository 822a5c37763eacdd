"""Capped sessions."""

from typing import Literal

from typing_extensions import TypedDict

from services.gateway.answers.shapes import Count, Instant


class UsedBySession(TypedDict):
    """By the settled requests of a session since it was capped, as the books said a few seconds ago. calls: of
    models."""

    usd: float
    calls: Count
    tokens: Count


class CappedSession(TypedDict):
    """usd, calls, tokens: null is not capped. used_up: those of which nothing is left; then requests are refused.
    since, until: requests that were accepted from then on count; the cap holds until then."""

    session: str
    usd: float | None
    calls: Count | None
    tokens: Count | None
    used: UsedBySession
    used_up: list[Literal["usd", "calls", "tokens"]]
    since: Instant
    until: Instant


class CappedSessions(TypedDict):
    sessions: list[CappedSession]
    total: Count
