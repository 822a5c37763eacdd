"""Every view of the books tells what the model server saw."""

import asyncio
from collections import Counter
from typing import Any

from tests.support.live import Api, Live

_ASKED = 4  # of each model
# Behaviour at the endpoint -> our error type.
_FAULTS = {
    "fault-401": "authentication_failed",
    "fault-404-model": "model_not_found",
    "fault-500": "server_error",
    "fault-not-json": "bad_response",
}


async def test_every_view_tells_what_the_model_server_saw(stack: Live, tenant: Api) -> None:
    models = [await tenant.add_model("good", stack.model_server_url)]
    models += [await tenant.add_model(fault, stack.model_server_url, fault) for fault in _FAULTS]
    answers = await asyncio.gather(*(tenant.chat(model) for model in models for _ in range(_ASKED)))
    timelines = [await tenant.settled(answer.headers["x-tallygate-inference-id"]) for answer in answers]
    attempts = [attempt for timeline in timelines for attempt in timeline["attempts"]]
    seen = await _seen(stack, {attempt["attempt_id"] for attempt in attempts})
    succeeded = seen.pop("none")
    await tenant.monitoring(total=len(answers))

    key_id = str(tenant.key).split("_")[1]
    summary = (await tenant.get(f"/api/monitoring/summary?operation=chat&key={key_id}")).body
    assert summary["requests"]["total"] == len(answers)
    assert (summary["attempts"]["succeeded"], summary["attempts"]["by_error_type"]) == (succeeded, seen)
    assert await _series(tenant, "requests", "model") == dict.fromkeys(models, _ASKED)
    assert await _series(tenant, "attempts", "error_type") == seen | {"none": succeeded}
    assert await _series(tenant, "attempts", "key") == {key_id: succeeded + seen.total()}
    assert await _series(tenant, "tokens", "operation") == {"chat": _tokens(attempts)}

    errors = (await tenant.get("/api/monitoring/errors")).body
    assert {group["error_type"]: group["count"] for group in errors["groups"]} == seen
    assert errors["total"] == seen.total()
    for group in errors["groups"]:
        assert (group["keys"], group["more_keys"]) == ([key_id], False)
        sample = await tenant.settled(group["sample_inference_ids"][0])
        met = [attempt["error"] for attempt in sample["attempts"]]
        assert (group["error_type"], group["detail"]) in [(error["error_type"], error["detail"]) for error in met]


async def _seen(stack: Live, attempt_ids: set[str]) -> Counter[str]:
    """Calls in the model server's ledger by the error type that their answers are, or "none"."""
    entries = [one for one in (await stack.model_server.ledger())["entries"] if one["request_id"] in attempt_ids]
    assert len(entries) == len(attempt_ids)
    return Counter(_FAULTS.get(entry["behaviour"], "none") for entry in entries)


async def _series(tenant: Api, measure: str, group: str) -> dict[str, float]:
    """What is counted of each group over the whole range."""
    answer = await tenant.get(f"/api/monitoring/timeseries?measure={measure}&group={group}&step=1m")
    assert answer.status == 200, answer
    return {each["group"]: sum(value for _, value in each["points"]) for each in answer.body["series"]}


def _tokens(attempts: list[dict[str, Any]]) -> int:
    return sum((attempt["input_tokens"] or 0) + (attempt["output_tokens"] or 0) for attempt in attempts)
