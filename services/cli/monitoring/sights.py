"""What `tallygate top` sees: the sums of the last minutes, and who is at work, again and again."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from services.cli.monitoring.again import is_passing
from shared.client import Client, Problem, ProblemError
from shared.client.requests import INSTANCES, SUMMARY

_TIMEOUT_S = 5.0
_HAS_NONE = ("permission_denied", "endpoint_not_found")

Body = dict[str, Any]


class Sight(NamedTuple):
    """body: the last answers, `summary` and `instances` (None: this key may not see them); None before the first ones.
    problem: why there are no newer ones."""

    body: Body | None
    seen_at: datetime | None
    problem: Problem | None


class Looking:
    """At one gateway, with one key."""

    def __init__(self, client: Client, window: str) -> None:
        self.url = client.url
        self._client = client
        self._window = window
        self._may_see_instances = True

    def look(self) -> Body:
        """Raises ProblemError."""
        summary = self._client.get(SUMMARY, _TIMEOUT_S, window=self._window).body
        return {"summary": summary, "instances": self._instances() if self._may_see_instances else None}

    def _instances(self) -> Body | None:
        """They are of all tenants, and so for admin keys. Others are refused once and do not ask again, as a gateway
        that is older than this command."""
        try:
            found: Body = self._client.get(INSTANCES, _TIMEOUT_S).body
        except ProblemError as error:
            if error.problem.error_type not in _HAS_NONE:
                raise
            self._may_see_instances = False
            return None
        return found


def sights(looking: Looking, every_s: float, sleep: Callable[[float], None] = time.sleep) -> Iterator[Sight]:
    """Without an end. While the gateway is away, the last answers again. Raises ProblemError for what will not pass."""
    body, seen_at = None, None
    while True:
        problem = None
        try:
            body, seen_at = looking.look(), datetime.now(UTC)
        except ProblemError as error:
            if not is_passing(error.problem):
                raise
            problem = error.problem
        yield Sight(body, seen_at, problem)
        sleep(every_s)
