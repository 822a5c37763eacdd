"""Pure: has a session used up what it was capped at? The books say what its settled requests have used, a few seconds
ago."""

from datetime import datetime
from typing import NamedTuple

from shared.errors import Failure, failure
from shared.events import CAP_LIFE, SessionCapped, SessionSpent


class Used(NamedTuple):
    """By the settled requests of a session since it was capped. calls: of models. tokens: of prompts and answers."""

    usd: float = 0.0
    calls: int = 0
    tokens: int = 0


class CappedSession(NamedTuple):
    cap: SessionCapped
    used: Used

    @property
    def used_up(self) -> tuple[str, ...]:
        """Of usd, calls and tokens those of which nothing is left."""
        return tuple(
            name
            for name, used in self.used._asdict().items()
            if (most := getattr(self.cap, name)) is not None and used >= most
        )


def is_over(event: SessionCapped | SessionSpent, now: datetime) -> bool:
    """Whether it is about a cap that holds no more because it is old."""
    return now >= event.since + CAP_LIFE


def capped(cap: SessionCapped | None, spent: SessionSpent | None, now: datetime) -> CappedSession | None:
    """From the newest events about a session; None while it has no cap. What an earlier cap counted does not count."""
    if cap is None or not cap.is_capped or is_over(cap, now):
        return None
    if spent is None or spent.since != cap.since:
        return CappedSession(cap, Used())
    return CappedSession(cap, Used(spent.usd, spent.calls, spent.tokens))


def over_cap(session: CappedSession | None) -> Failure | None:
    """Why the session may send nothing more; None when it may.

    402: repeating it cannot help, and clients that repeat a 429 by themselves would.
    """
    if session is None or not (used_up := session.used_up):
        return None
    cap, name = session.cap, session.cap.session
    parts = [f"{_amount(used_name, used)}{_of(used_name, cap)}" for used_name, used in session.used._asdict().items()]
    return failure(
        "quota_exceeded",
        f"session {name} has used {', '.join(parts)} since {cap.since:%Y-%m-%d %H:%M:%S} UTC; its cap of "
        f"{' and of '.join(used_up)} is reached",
        http_status=402,
        title="The cap of this session is used up",
        tips=(
            f"See it: tallygate sessions show {name}",
            f"Whoever set it can raise it: tallygate sessions cap {name} --{used_up[0]} <number>",
        ),
    )


def _of(name: str, cap: SessionCapped) -> str:
    most = getattr(cap, name)
    return "" if most is None else f" of {_amount(name, most)}"


def _amount(name: str, value: float) -> str:
    return f"${value:,.4f}" if name == "usd" else f"{value:,} {name}"
