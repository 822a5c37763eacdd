"""Whatever goes wrong after something was published, the caller is told under which id."""

import asyncio
import json

import asyncpg
import pytest

from shared.crypto import SealedContext, seal
from shared.events import InferenceRequested, ReplyCompleted
from tests.support.gateway_app import Here, gateway_here, told

COMPLETION = b'{"choices": [{"message": {"role": "assistant", "content": "ready"}}]}'
TRIAL = "/api/models/custom/m/test"


async def asked(here: Here) -> InferenceRequested:
    async with asyncio.timeout(30):
        while True:
            for event in here.broker.events:
                if isinstance(event, InferenceRequested):
                    return event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/codebase/chat", {"message": "what is this?", "model": "custom:m"}),
        ("/v1/chat/completions", {"model": "custom:m", "messages": [{"role": "user", "content": "hi"}]}),
    ],
)
async def test_an_inference_whose_answer_cannot_be_handed_over_is_named(path: str, body: dict[str, object]) -> None:
    here = gateway_here(answer_s=10.0)
    answering = asyncio.create_task(told(here, "POST", path, json.dumps(body).encode()))
    request = await asked(here)
    here.pool.failing = asyncpg.CannotConnectNowError("x")
    context = SealedContext("acme", "reply", str(request.inference_id))
    # What comes for the second one cannot be read: it is no completion.
    sealed = seal(here.gateway.ring, context, COMPLETION) if "codebase" in path else "unreadable"
    here.pending.resolve(
        ReplyCompleted(inference_id=request.inference_id, tenant_id="acme", sealed_body=sealed, model_served="custom:m",
                       attempts=1)
    )  # fmt: skip
    answer = await answering
    assert answer.status >= 400
    assert answer.headers["x-tallygate-inference-id"] == str(request.inference_id)
    assert answer.body.get("error", answer.body)["inference_id"] == str(request.inference_id)


async def test_what_was_not_published_has_no_id() -> None:
    here = gateway_here()
    here.pool.failing = asyncpg.CannotConnectNowError("x")
    answer = await told(here, "POST", "/api/codebase/chat", b'{"message": "what is this?"}')
    assert (answer.status, answer.body["inference_id"]) == (503, None)
    assert "x-tallygate-inference-id" not in answer.headers
