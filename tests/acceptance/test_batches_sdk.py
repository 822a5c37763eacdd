"""The official SDK: a file, a batch, its results and its cancellation, as its users write it."""

import asyncio
from typing import Final

import openai
import pytest

from tests.support.batches import LAST, as_file, batch_line
from tests.support.live import Api, Live

CHAT: Final = "/v1/chat/completions"


@pytest.mark.timeout(120)
async def test_a_batch_from_upload_to_download(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("model", stack.model_server_url)
    asked = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    content = as_file([batch_line(f"c{n}", CHAT, asked) for n in range(5)])
    async with openai.AsyncOpenAI(base_url=f"{stack.gateway_url}/v1", api_key=tenant.key) as client:
        file = await client.files.create(file=("lines.jsonl", content), purpose="batch")
        batch = await client.batches.create(
            input_file_id=file.id, endpoint=CHAT, completion_window="24h", metadata={"of": "a test"}
        )
        assert (batch.object, batch.status, batch.metadata) == ("batch", "validating", {"of": "a test"})
        async with asyncio.timeout(90):
            while batch.status not in LAST:
                await asyncio.sleep(0.1)
                batch = await client.batches.retrieve(batch.id)
        assert (batch.status, batch.error_file_id, batch.errors) == ("completed", None, None)
        counts = batch.request_counts
        assert counts is not None
        assert (counts.total, counts.completed, counts.failed) == (5, 5, 0)
        assert batch.output_file_id is not None
        assert len((await client.files.content(batch.output_file_id)).text.splitlines()) == 5
        assert [one.id async for one in client.batches.list(limit=1)] == [batch.id]
        with pytest.raises(openai.ConflictError):
            await client.batches.cancel(batch.id)


@pytest.mark.timeout(120)
async def test_a_file_that_is_no_batch_is_told_line_by_line(stack: Live, tenant: Api) -> None:
    content = as_file([batch_line("c", CHAT, {}), batch_line("c", "/v1/embeddings", {})]) + b"{\n"
    async with openai.AsyncOpenAI(base_url=f"{stack.gateway_url}/v1", api_key=tenant.key) as client:
        file = await client.files.create(file=("lines.jsonl", content), purpose="batch")
        batch = await client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
        async with asyncio.timeout(90):
            while batch.status not in LAST:
                await asyncio.sleep(0.1)
                batch = await client.batches.retrieve(batch.id)
        assert batch.status == "failed"
        assert batch.errors is not None
        assert [(one.line, one.code) for one in batch.errors.data or ()] == [
            (2, "mismatched_url"),
            (3, "invalid_json_line"),
        ]


@pytest.mark.timeout(120)
async def test_a_batch_is_cancelled(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("model", stack.model_server_url, "fault-hang", timeout_s=60)
    asked = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    content = as_file([batch_line(f"c{n}", CHAT, asked) for n in range(20)])
    async with openai.AsyncOpenAI(base_url=f"{stack.gateway_url}/v1", api_key=tenant.key) as client:
        file = await client.files.create(file=("lines.jsonl", content), purpose="batch")
        batch = await client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
        async with asyncio.timeout(60):
            while (await stack.model_server.ledger(entries=False))["open"] < 8:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        cancelling = await client.batches.cancel(batch.id)
        assert cancelling.status == "cancelling"
        async with asyncio.timeout(60):
            while batch.status not in LAST:
                await asyncio.sleep(0.1)
                batch = await client.batches.retrieve(batch.id)
        assert batch.status == "cancelled"
        assert batch.error_file_id is not None
        assert len((await client.files.content(batch.error_file_id)).text.splitlines()) == 20
