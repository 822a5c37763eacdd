"""Pure: the lines of a batch, and which of them must be answered. Line n is always the same one."""

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from shared.client.requests import CHAT, chat_body
from tests.support.batches import batch_line

STEADY = "demo-delay-500"  # as the model server names what it does: long enough for a kill to hit a window of them
_RECOVERS = "flaky-1"  # its first answer to each question is a 503
FAULTS = (_RECOVERS, _RECOVERS, "fault-400", "fault-500", "fault-reset", "fault-not-json")
MODELS = tuple(dict.fromkeys((STEADY, *FAULTS)))


class AskedLine(NamedTuple):
    number: int
    model: str

    @property
    def custom_id(self) -> str:
        return f"line-{self.number}"

    @property
    def text(self) -> str:
        return f"question {self.number}"

    @property
    def answer(self) -> str:
        return f"echo: {self.text}"

    @property
    def must_be_answered(self) -> bool:
        """A model that recovers may still be paused when its turn comes, if too many lines before it failed."""
        return self.model == STEADY

    @property
    def may_be_answered(self) -> bool:
        return self.model in (STEADY, _RECOVERS)

    def as_line(self) -> dict[str, Any]:
        return batch_line(self.custom_id, CHAT, chat_body(f"custom:{self.model}", self.text))


def asked_lines(lines: int, faults: float) -> Sequence[AskedLine]:
    """faults: the share of lines whose endpoint fails."""
    return [AskedLine(number, _model(number, faults)) for number in range(lines)]


def _model(number: int, faults: float) -> str:
    chance = random.Random(f"line/{number}")
    return chance.choice(FAULTS) if chance.random() < faults else STEADY
