"""A request that kills every router that calls for it, or only opens it, is given up after max_deliveries; others are
answered."""

import asyncio
from unittest import mock

from services.router.intake import Intake
from services.router.work import Asked, Refused, Work
from tests.histories.history import History, Request
from tests.histories.lives import Life, current_life
from tests.histories.playing import play
from tests.histories.processes import _MAX_DELIVERIES
from tests.histories.world import World
from tests.support.scripted_transport import Answer, Call

_DEADLY = "deadly"
_BACK_AFTER_S = 1.0


class DeadlyWorld(World):
    """The process that calls for the request is gone with that call, as by a want of memory, and is started again."""

    def _answer(self, call: Call, life: Life) -> Answer:
        answer = super()._answer(call, life)
        if call.body["messages"][0]["content"] == _DEADLY:
            life.end()
            self._later(_BACK_AFTER_S, self._start, life.slot)
        return answer


class RestartingWorld(World):
    """Who is gone is started again."""

    def _start(self, slot: str) -> None:
        super()._start(slot)
        self._lives[slot].when_it_ends(lambda: self._later(_BACK_AFTER_S, self._start, slot))


_prepare = Intake.prepare


def a_history() -> History:
    """Of one deadly request and twelve others."""
    answer = (Answer(0.1),)
    others = (Request(f"r{n}", 2.0 + 6.0 * n, 600.0, answer) for n in range(12))
    return History(1, 2, 1, 0, (Request(_DEADLY, 1.0, 600.0, answer), *others), (), 0.0)


def test_a_request_that_is_deadly_to_open_is_given_up_although_nothing_was_on_record_at_first() -> None:
    died = []

    async def deadly(self: Intake, asked: Asked) -> Work | Refused:
        life = current_life()
        if life is not None and asked.request.input == {"messages": [{"role": "user", "content": _DEADLY}]}:
            died.append(asked.request.delivery)
            life.end()
            await asyncio.sleep(0)  # for ever
        return await _prepare(self, asked)

    with mock.patch.object(Intake, "prepare", deadly):
        played = play(a_history(), RestartingWorld)

    assert played.settled
    assert died == [1, *range(1, _MAX_DELIVERIES + 1)]  # the first time nothing was on record
    [given_up] = [row for row in played.tables.inferences.values() if row["settlement"] == "failed"]
    assert given_up["error_type"] == "router_lost"
    assert [row["settlement"] for row in played.tables.inferences.values()].count("completed") == 12


def test_a_deadly_request_is_given_up_and_the_others_are_answered() -> None:
    played = play(a_history(), DeadlyWorld)

    deadly = [call for call in played.ledger if call.body["messages"][0]["content"] == _DEADLY]
    settlements = [row["settlement"] for row in played.tables.inferences.values()]
    assert played.settled
    assert len(deadly) == _MAX_DELIVERIES
    [given_up] = [row for row in played.tables.inferences.values() if row["settlement"] == "failed"]
    assert given_up["error_type"] == "router_lost"
    assert settlements.count("completed") == 12
