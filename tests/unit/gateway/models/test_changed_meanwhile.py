"""Two who change one model: who says from which state is told when it is another one by now."""

from typing import Any

import orjson
import pytest

from tests.support.gateway_app import NOW, gateway_here, told


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 200),
        ({"if_updated_at": None}, 200),
        ({"if_updated_at": NOW.isoformat()}, 200),
        ({"if_updated_at": "2026-11-23T11:59:59+00:00"}, 409),
        ({"if_updated_at": ""}, 409),
    ],
    ids=["not said", "null", "the same", "another", "empty"],
)
async def test_a_change_is_made_to_the_state_that_it_was_made_from(sent: dict[str, Any], status: int) -> None:
    here, recorded = gateway_here(), []

    async def execute(statement: str, *values: Any) -> str:
        if "gateway.changes" in statement:
            recorded.append(values[5])
        return "UPDATE 1"

    here.pool.execute = execute  # type: ignore[method-assign]

    answer = await told(
        here, "PATCH", "/api/models/custom/m", orjson.dumps({"description": "new"} | sent),
        [(b"content-type", b"application/json")],
    )  # fmt: skip

    assert answer.status == status, answer
    assert recorded == ([{"fields": ["description"]}] if status == 200 else [])
