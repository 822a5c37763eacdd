"""The official OpenAI SDK and LangChain's, unmodified: embeddings as they ask for them."""

import asyncio
from typing import TYPE_CHECKING

import httpx
import openai
import pytest
from pydantic import SecretStr

from deploy.model_server import vectors
from tests.support.live import Api, Live

if TYPE_CHECKING:
    from langchain_openai import OpenAIEmbeddings

TEXTS = ["the cat sat", "on the mat", ""]
KINDS = ["demo", "demo-vectors-numbers", "demo-vectors-base64"]


def expected(*texts: str, dimensions: int = vectors.DIMENSIONS) -> list[object]:
    return [pytest.approx(vectors.vector(text, dimensions)) for text in texts]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_sdk_asks_for_base64_unsaid_and_gets_numbers(stack: Live, tenant: Api, kind: str) -> None:
    model = await tenant.add_model("e", stack.model_server_url, kind)

    async with openai.AsyncOpenAI(base_url=tenant.url + "/v1", api_key=tenant.key) as client:
        found = await client.embeddings.create(model=model, input=TEXTS)
        short = await client.embeddings.create(model=model, input="one", dimensions=8)
        plain = await client.embeddings.create(model=model, input=[[1, 2], [3]], encoding_format="float")
        in_base64 = await client.embeddings.create(model=model, input="one", encoding_format="base64")

    assert [one.embedding for one in found.data] == expected(*TEXTS)
    assert [one.index for one in found.data] == [0, 1, 2]
    assert [one.embedding for one in short.data] == expected("one", dimensions=8)
    assert [one.embedding for one in plain.data] == expected("1 2", "3")
    assert str(in_base64.data[0].embedding) == vectors.in_base64(vectors.vector("one", vectors.DIMENSIONS))


async def test_a_batch_of_the_most_inputs_by_the_plain_client(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("e", stack.model_server_url)
    texts = [f"text {number}" for number in range(2048)]

    def asked() -> list[list[float]]:
        with openai.OpenAI(base_url=tenant.url + "/v1", api_key=tenant.key) as client:
            return [one.embedding for one in client.embeddings.create(model=model, input=texts, dimensions=256).data]

    found = await asyncio.to_thread(asked)

    assert found[::500] == expected(*texts[::500], dimensions=256)
    assert len(found) == 2048


async def test_errors_are_the_sdks_own(stack: Live, tenant: Api) -> None:
    limited = await tenant.add_model("limited", stack.model_server_url, "fault-429-60")

    async with openai.AsyncOpenAI(base_url=tenant.url + "/v1", api_key=tenant.key, max_retries=0) as client:
        with pytest.raises(openai.BadRequestError) as refused:
            await client.embeddings.create(model=limited, input=[])
        with pytest.raises(openai.RateLimitError):
            await client.embeddings.create(model=limited, input="a")
        with pytest.raises(openai.NotFoundError):
            await client.embeddings.create(model="custom:nobody", input="a")

    assert refused.value.param == "input"


@pytest.mark.parametrize("kind", KINDS)
async def test_langchain_embeds_documents_and_queries(stack: Live, tenant: Api, kind: str) -> None:
    model = await tenant.add_model("e", stack.model_server_url, kind)
    # It closes no connection of its own.
    with httpx.Client() as plain:
        async with httpx.AsyncClient() as client:
            embeddings = embedder(tenant, model, plain, client)

            assert await embeddings.aembed_documents(TEXTS[:2]) == expected(*TEXTS[:2])
            assert await asyncio.to_thread(embeddings.embed_query, "one") == expected("one")[0]


def embedder(tenant: Api, model: str, plain: httpx.Client, client: httpx.AsyncClient) -> "OpenAIEmbeddings":
    # Not at the top: it takes seconds, in every process that only collects the tests.
    from langchain_openai import OpenAIEmbeddings

    assert tenant.key is not None
    # It would count tokens with tiktoken, which loads OpenAI's tables, and send tokens instead of texts.
    return OpenAIEmbeddings.model_validate({
        "base_url": tenant.url + "/v1", "api_key": SecretStr(tenant.key), "model": model,
        "check_embedding_ctx_length": False, "http_client": plain, "http_async_client": client,
    })  # fmt: skip
