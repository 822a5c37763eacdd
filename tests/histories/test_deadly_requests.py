"""A request that kills every router that calls for it is given up after max_deliveries; others are answered."""

from tests.histories.history import History, Request
from tests.histories.lives import Life
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


def test_a_deadly_request_is_given_up_and_the_others_are_answered() -> None:
    answer = (Answer(0.1),)
    others = (Request(f"r{n}", 1.0 + 6.0 * n, 600.0, answer) for n in range(12))

    played = play(History(1, 2, 1, 0, (Request(_DEADLY, 1.0, 600.0, answer), *others), (), 0.0), DeadlyWorld)

    deadly = [call for call in played.ledger if call.body["messages"][0]["content"] == _DEADLY]
    settlements = [row["settlement"] for row in played.tables.inferences.values()]
    assert played.settled
    assert len(deadly) == _MAX_DELIVERIES
    [given_up] = [row for row in played.tables.inferences.values() if row["settlement"] == "failed"]
    assert given_up["error_type"] == "router_lost"
    assert settlements.count("completed") == 12
