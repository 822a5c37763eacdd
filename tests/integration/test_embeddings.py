"""Embeddings and rankings through the whole path: what the model server saw is what the books say."""

from typing import Any

import pytest

from deploy.model_server import vectors
from shared.client import Answer
from tests.support.live import Api, Live

TEXTS = ["the cat sat", "on the mat"]
RANKING = {"query": "the cat", "documents": ["a dog", "the cat sat", "the mat"]}


async def embeddings(tenant: Api, model: str, given: object = TEXTS, **more: Any) -> Answer:
    return await tenant.post("/v1/embeddings", {"model": model, "input": given} | more)


def of(answer: Answer) -> list[object]:
    assert answer.status == 200, answer
    return [entry["embedding"] for entry in answer.body["data"]]


async def test_they_are_asked_for_once_and_are_on_record_as_what_they_are(stack: Live, tenant: Api) -> None:
    price = {"input_per_mtok_usd": 1_000_000.0, "output_per_mtok_usd": 5.0}
    model = await tenant.add_model("e", stack.model_server_url, price=price)

    answer = await embeddings(tenant, model, dimensions=8)

    assert of(answer) == [pytest.approx(vectors.vector(text, 8)) for text in TEXTS]
    timeline = await tenant.settled(answer.headers["x-tallygate-inference-id"])
    assert (timeline["state"], timeline["operation"]) == ("completed", "embeddings")
    (attempt,) = timeline["attempts"]
    assert (attempt["input_tokens"], attempt["output_tokens"], attempt["usage"]["state"]) == (6, 0, "reported")
    assert (attempt["cost_usd"], attempt["streamed"]) == (6.0, False)
    (entry,) = (await stack.model_server.entries_of({attempt["attempt_id"]})).values()
    assert (entry["path"], entry["finished"]) == ("/v1/embeddings", True)
    monitoring = await tenant.monitoring(total=1)
    assert monitoring["attempts"]["total"] == monitoring["requests"]["succeeded"] == 1


@pytest.mark.parametrize("behaviour", ["demo", "demo-vectors-numbers", "demo-vectors-base64", "demo-vectors-bare"])
async def test_what_was_asked_for_is_got_of_every_kind_of_server(stack: Live, tenant: Api, behaviour: str) -> None:
    model = await tenant.add_model("e", stack.model_server_url, behaviour)
    found = [vectors.vector(text, vectors.DIMENSIONS) for text in TEXTS]

    assert of(await embeddings(tenant, model)) == [pytest.approx(one) for one in found]
    in_base64 = await embeddings(tenant, model, encoding_format="base64")
    assert of(in_base64) == [vectors.in_base64(one) for one in found]


async def test_a_vector_that_is_missing_is_a_failure_and_no_other_model_stands_in(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("e", stack.model_server_url, "fault-vectors-missing")
    await tenant.add_model("other", stack.model_server_url)

    answer = await embeddings(tenant, model)

    assert (answer.status, answer.body["error"]["code"]) == (502, "bad_response")
    assert "1 embeddings for 2 inputs" in answer.body["error"]["message"]
    timeline = await tenant.settled(answer.headers["x-tallygate-inference-id"])
    assert {one["model"] for one in timeline["attempts"]} == {model}


async def test_the_same_key_gets_the_same_vectors_without_another_call(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("e", stack.model_server_url)
    headers, body = {"idempotency-key": "once"}, {"model": model, "input": "a"}

    first = await tenant.post("/v1/embeddings", body, headers=headers)
    again = await tenant.post("/v1/embeddings", body, headers=headers)

    assert of(first) == of(again)
    assert again.headers["idempotency-replayed"] == "true"
    assert len((await tenant.settled(first.headers["x-tallygate-inference-id"]))["attempts"]) == 1


async def test_an_answer_that_no_event_can_hold_is_told_with_the_remedy_and_not_asked_for_again(
    stack: Live, tenant: Api
) -> None:
    """As base64 it is smaller than the numbers that it is made from."""
    model = await tenant.add_model("e", stack.model_server_url, "demo-vectors-numbers", config={
        "model": "demo-vectors-numbers", "dimensions": 4096,
    })  # fmt: skip

    fits = await embeddings(tenant, model, [str(n) for n in range(120)], encoding_format="base64")
    refused = await embeddings(tenant, model, [str(n) for n in range(120)])

    assert len(of(fits)) == 120
    assert (refused.status, refused.body["error"]["code"]) == (502, "bad_response")
    assert "fewer inputs" in refused.body["error"]["tips"][0]
    assert len((await tenant.settled(refused.headers["x-tallygate-inference-id"]))["attempts"]) == 1


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank"])
@pytest.mark.parametrize("behaviour", ["demo", "demo-vectors-bare"])
async def test_documents_are_ranked_the_best_first(stack: Live, tenant: Api, path: str, behaviour: str) -> None:
    model = await tenant.add_model("r", stack.model_server_url, behaviour)

    answer = await tenant.post(path, {"model": model, "top_n": 2, **RANKING})

    assert answer.status == 200, answer
    assert [(one["index"], one["relevance_score"]) for one in answer.body["results"]] == [(1, 1.0), (2, 0.5)]
    assert (await tenant.settled(answer.headers["x-tallygate-inference-id"]))["operation"] == "rerank"


async def test_refusals_are_worded_as_the_clients_of_each_surface_read_them(stack: Live, tenant: Api) -> None:
    chat_only = await tenant.add_model("c", stack.model_server_url, capabilities={"tasks": ["chat"]})

    refused = await embeddings(tenant, chat_only)
    nothing = await tenant.post("/v2/rerank", {"query": "q"})
    nobody = await embeddings(tenant, "custom:nobody")

    assert (refused.status, refused.body["error"]["code"]) == (404, "no_model_available")
    assert "cannot be used for embeddings" in refused.body["error"]["message"]
    assert (nothing.status, nothing.body["error"]["param"]) == (400, "documents")
    assert (nobody.status, nobody.body["error"]["code"]) == (404, "model_not_found")
