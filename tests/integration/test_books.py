"""A thousand mixed requests: the books equal what the model server saw, type by type."""

import asyncio
import itertools
import json
import random
from collections import Counter
from typing import Any

from shared.client import Answer
from tests.support.live import Api, Live

_TOTAL = 1000
_CALLERS = 64
_FAILING = 0.3
_MODELS_PER_FAULT = 8  # so that none of them fails so often in a row that it is paused

# Ten ways to fail: behaviour at the endpoint -> (our error type, calls that it takes)
_FAULTS = {
    "fault-401": ("authentication_failed", 1),
    "fault-403": ("permission_denied", 1),
    "fault-404-model": ("model_not_found", 1),
    "fault-400-context": ("context_length_exceeded", 1),
    "fault-429-60": ("rate_limited", 1),
    "fault-500": ("server_error", 3),
    "fault-503": ("overloaded", 3),
    "fault-reset": ("stream_broken", 3),
    "fault-not-json": ("bad_response", 1),
    "fault-hang": ("read_timeout", 1),
}


async def test_a_thousand_mixed_requests_balance(stack: Live, tenant: Api) -> None:
    good = await tenant.add_model("good", stack.model_server_url)
    broken = {
        await tenant.add_model(
            f"{behaviour}.{n}", stack.model_server_url, behaviour, timeout_s=0.5 if behaviour == "fault-hang" else 30
        ): behaviour
        for behaviour in _FAULTS
        for n in range(_MODELS_PER_FAULT)
    }
    dice = random.Random(20261123)
    in_turn = itertools.cycle(broken)
    plan = [next(in_turn) if dice.random() < _FAILING else good for _ in range(_TOTAL)]

    answers = await _send_all(tenant, plan)

    expected_requests = Counter(_FAULTS[broken[model]][0] for model in plan if model != good)
    expected_attempts: Counter[str] = Counter()
    for model in plan:
        if model != good:
            error_type, calls = _FAULTS[broken[model]]
            expected_attempts[error_type] += calls
    codes = Counter(answer.body["error"]["code"] for answer in answers if answer.status != 200)
    assert codes == expected_requests
    monitoring = await tenant.monitoring(total=_TOTAL)
    assert monitoring["requests"]["total"] == _TOTAL
    assert monitoring["requests"]["succeeded"] == plan.count(good)
    assert monitoring["requests"]["by_error_type"] == expected_requests
    assert monitoring["attempts"]["by_error_type"] == expected_attempts
    assert monitoring["attempts"]["succeeded"] == plan.count(good)
    assert monitoring["attempts"]["total"] == plan.count(good) + expected_attempts.total()
    await _equals_the_model_servers_ledger(stack, tenant, answers, monitoring["attempts"]["total"])
    audit = json.loads((await stack.command("audit", "--json")).stdout)
    assert audit["balanced"], audit["violations"][:5]
    assert audit["inferences"]["open"] == audit["attempts"]["open"] == 0


async def _send_all(tenant: Api, plan: list[str]) -> list[Answer]:
    gate = asyncio.Semaphore(_CALLERS)

    async def send(model: str) -> Answer:
        async with gate:
            return await tenant.chat(model)

    return await asyncio.gather(*(send(model) for model in plan))


async def _equals_the_model_servers_ledger(stack: Live, tenant: Api, answers: list[Answer], attempts: int) -> None:
    """Attempt by attempt: every call that arrived is on record, with the outcome of what was sent."""
    by_attempt: dict[str, dict[str, Any]] = {}
    for answer in answers:
        timeline = await tenant.settled(answer.headers["x-tallygate-inference-id"])
        by_attempt |= {one["attempt_id"]: one for one in timeline["attempts"]}
    entries = [one for one in (await stack.model_server.ledger())["entries"] if one["request_id"] in by_attempt]
    assert len(by_attempt) == attempts
    assert len({one["request_id"] for one in entries}) == len(entries) == attempts
    behaviours = {"fault-429-60": "fault-429"}
    types = {behaviours.get(name, name): error_type for name, (error_type, _) in _FAULTS.items()}
    for entry in entries:
        error = by_attempt[entry["request_id"]]["error"]
        assert (error["error_type"] if error else None) == types.get(entry["behaviour"]), entry
