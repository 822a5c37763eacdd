"""Ids of tool calls as Anthropic endpoints take them: few characters, each id once in a conversation.

Other models' ids are of any characters and length (`functions.find:0`), and some begin anew with each turn (`call_0`).
"""

import hashlib
import re
from collections import Counter, defaultdict, deque

_ALLOWED = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_OTHER = re.compile(r"[^a-zA-Z0-9_-]")
_KEPT = 40  # characters of an id that is changed
_MAX_NAME = 128


class ToolIds:
    """Of one conversation, in its order. Equal conversations have equal ids, so that what is cached of one stays so."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._times: Counter[str] = Counter()  # that an id was given
        self._waiting = 0  # calls without a result
        self._open: defaultdict[str, deque[tuple[str, str]]] = defaultdict(deque)

    def call(self, given: str, at: str) -> str:
        """The id of a call that stands `at` this place; two calls never have the same."""
        taken = _allowed(given) if not self._times[given] else _marked(given, str(self._times[given]))
        while taken in self._used:
            self._times[given] += 1
            taken = _marked(given, str(self._times[given]))
        self._times[given] += 1
        self._used.add(taken)
        self._waiting += 1
        self._open[given].append((taken, at))
        return taken

    def result(self, given: str) -> str | None:
        """The id of the first such call that has no result yet; None when there is none."""
        waiting = self._open.get(given)
        if not waiting:
            return None
        taken, _ = waiting.popleft()
        self._waiting -= 1
        return taken

    def unanswered(self) -> str | None:
        """Where a call stands that has no result."""
        if not self._waiting:
            return None
        return next((waiting[0][1] for waiting in self._open.values() if waiting), None)


def tool_name(given: str) -> str:
    """Of a call in the past: the model that made it may have made the name up."""
    return _OTHER.sub("_", given)[:_MAX_NAME] or "_"


def _allowed(given: str) -> str:
    return given if _ALLOWED.fullmatch(given) else _marked(given, "")


def _marked(given: str, again: str) -> str:
    digest = hashlib.sha256(f"{again}\x00{given}".encode(errors="surrogatepass")).hexdigest()
    return f"{_OTHER.sub('_', given)[:_KEPT]}_{digest[:16]}"
