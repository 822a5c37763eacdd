"""The model server answers embeddings and rankings as servers do."""

from typing import Any

import openai
import pytest

from deploy.model_server import RunningModelServer, vectors
from tests.unit.model_server.client import Client, Reply

pytestmark = pytest.mark.asyncio


async def embeddings(client: Client, model: str = "demo", **fields: Any) -> Reply:
    return await client.request("POST", "/v1/embeddings", body={"model": model, "input": ["a", "b"]} | fields)


async def test_the_sdk_reads_them_and_the_ledger_has_the_call(client: Client, server: RunningModelServer) -> None:
    async with openai.AsyncOpenAI(base_url=server.url, api_key="sk-test", max_retries=0, timeout=60) as sdk:
        found = await sdk.embeddings.create(model="demo", input=["one two", "three"], dimensions=4)
        tokens = await sdk.embeddings.create(model="demo", input=[[1, 2, 3]], dimensions=4)
    assert [one.embedding for one in found.data] == [vectors.vector("one two", 4), vectors.vector("three", 4)]
    assert tokens.data[0].embedding == vectors.vector("1 2 3", 4)
    assert found.usage.prompt_tokens == 3
    entry, _ = (await client.request("GET", "/ledger")).json["entries"]
    assert (entry["path"], entry["behaviour"], entry["status"], entry["text_sha256"]) == (
        "/v1/embeddings", "demo", 200, None,
    )  # fmt: skip


async def test_vectors_are_of_length_one_and_differ_by_text() -> None:
    one, other = vectors.vector("one", 64), vectors.vector("other", 64)
    assert sum(number * number for number in one) == pytest.approx(1.0)
    assert one != other


@pytest.mark.parametrize(
    ("model", "asked", "kind"),
    [("demo", "base64", str), ("demo", "float", list), ("demo-vectors-numbers", "base64", list),
     ("demo-vectors-base64", "float", str)],
)  # fmt: skip
async def test_each_kind_of_server_has_its_encoding(client: Client, model: str, asked: str, kind: type) -> None:
    body = (await embeddings(client, model, encoding_format=asked)).json
    assert {type(entry["embedding"]) for entry in body["data"]} == {kind}


async def test_a_ranking_has_the_best_first(client: Client) -> None:
    asked = {"model": "demo", "query": "b c", "documents": ["a", "b", {"text": "c b"}], "top_n": 2}
    body = (await client.request("POST", "/v1/rerank", body=asked | {"return_documents": True})).json
    assert body["results"] == [
        {"index": 2, "relevance_score": 1.0, "document": {"text": "c b"}},
        {"index": 1, "relevance_score": 0.5, "document": {"text": "b"}},
    ]
    bare = (await client.request("POST", "/v1/rerank", body=asked | {"model": "demo-vectors-bare"})).json
    assert bare == [{"index": 1, "score": 0.5}, {"index": 2, "score": 1.0}]


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/rerank"])
async def test_what_is_missing_is_refused_and_faults_are_as_everywhere(client: Client, path: str) -> None:
    whole = {"input": "a", "query": "a", "documents": ["a"]}
    assert (await client.request("POST", path, body={"model": "demo"})).status == 400
    assert (await client.request("POST", path, body=whole | {"model": "fault-503"})).status == 503
    assert (await client.request("POST", path, body=whole | {"model": "fault-400"})).status == 400


async def test_a_model_that_only_makes_vectors_refuses_chats(client: Client) -> None:
    assert (await client.openai("demo-vectors-only")).status == 400
    assert (await embeddings(client, "demo-vectors-only")).status == 200
