"""The official OpenAI SDK, unmodified, with files."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest
import pytest_asyncio

from tests.support.live import Api

MB = 1024 * 1024


@pytest_asyncio.fixture
async def client(tenant: Api) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=tenant.url + "/v1", api_key=tenant.key, max_retries=0) as client:
        yield client


async def test_a_file_is_sent_listed_read_and_deleted(client: openai.AsyncOpenAI, tmp_path: Path) -> None:
    data = random.Random(3).randbytes(5 * MB + 7)
    path = tmp_path / "requests.jsonl"
    path.write_bytes(data)

    file = await client.files.create(
        file=path, purpose="batch", expires_after={"anchor": "created_at", "seconds": 7200}
    )
    assert (file.bytes, file.filename, file.purpose, file.status) == (len(data), path.name, "batch", "processed")
    assert file.expires_at is not None
    assert abs(file.expires_at - file.created_at - 7200) < 60
    assert await client.files.retrieve(file.id) == file
    assert (await client.files.content(file.id)).content == data
    async with client.files.with_streaming_response.content(file.id) as response:
        await response.stream_to_file(tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data

    more = [await client.files.create(file=b"{}\n", purpose="batch") for _ in range(4)]
    listed = [one.id async for one in client.files.list(purpose="batch", limit=2)]
    assert listed == [one.id for one in (*reversed(more), file)]

    assert (await client.files.delete(file.id)).deleted
    with pytest.raises(openai.NotFoundError, match="there is no file"):
        await client.files.content(file.id)
    async for one in client.files.list(limit=1):  # each is deleted before the page after it is asked for
        await client.files.delete(one.id)
    assert [one async for one in client.files.list()] == []


async def test_what_cannot_be_taken_is_an_error_of_the_sdk(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="must be batch") as caught:
        await client.files.create(file=b"{}\n", purpose="fine-tune")
    assert caught.value.param == "purpose"
    with pytest.raises(openai.BadRequestError, match="the file is empty"):
        await client.files.create(file=("empty.jsonl", b""), purpose="batch")
    assert [one async for one in client.files.list()] == []
