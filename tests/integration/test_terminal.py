"""What was asked of a whole Tallygate, in the terminal and in an assistant's tools: they read its real answers."""

import asyncio
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from services.cli.assistant.tools import Asking, answer
from services.cli.monitoring.tail import heard
from shared.client import Client, Event
from shared.client.requests import LIVE
from tests.support.live import Api, Live


@pytest.fixture
async def asked(stack: Live, tenant: Api) -> list[str]:
    """A chat that is answered, and one whose call fails: their ids."""
    labels = {"x-tallygate-session": "s:1", "x-tallygate-tags": "team=search"}
    good = await tenant.add_model("good", stack.model_server_url)
    bad = await tenant.add_model("bad", stack.model_server_url, "fault-400")
    answers = [await tenant.chat(model, headers=labels) for model in (good, bad)]
    ids = [answer.headers["x-tallygate-inference-id"] for answer in answers]
    for inference_id in ids:
        await tenant.settled(inference_id)
    await tenant.monitoring(total=2)
    return ids


async def test_the_commands_tell_what_was_asked(stack: Live, tenant: Api, asked: list[str]) -> None:
    async def told(*arguments: str) -> str:
        return (await stack.command(*arguments, "--key", str(tenant.key))).stdout

    good, bad = asked
    assert json.loads(await told("monitor", "--window", "15m", "--json"))["requests"]["total"] == 2
    listed = json.loads(await told("inferences", "list", "--session", "s:1", "--tag", "team=search", "--json"))
    assert {item["inference_id"] for item in listed["items"]} == {good, bad}
    failed = await told("inferences", "list", "--state", "failed")
    assert bad in failed
    assert good not in failed
    assert "session s:1 · team=search" in await told("show", good)
    screen = await told("top", "--once")
    assert "custom:bad" in screen
    assert bad in screen  # among the last errors
    assert "router" not in screen
    assert "in flight" in (await stack.command("top", "--once", "--key", stack.admin_key)).stdout


async def test_the_feed_is_followed(stack: Live, tenant: Api) -> None:
    client = Client(stack.gateway_url, tenant.key)
    model = await tenant.add_model("good", stack.model_server_url)

    def follow() -> list[Event]:
        return list(islice(until_told(heard(client, LIVE)), 1))

    following = asyncio.create_task(asyncio.to_thread(follow))
    while not following.done():  # until the feed is open nobody is told
        await tenant.chat(model)
        await asyncio.sleep(0.5)

    [event] = following.result()
    assert event.name == "inference"
    assert event.data["model_served"] == model


def until_told(events: Iterator[Event]) -> Iterator[Event]:
    return (event for event in events if event.name == "inference")


async def test_every_tool_reads_the_books(stack: Live, tenant: Api, asked: list[str]) -> None:
    asking = Asking(Client(stack.gateway_url, tenant.key))

    async def told(tool: str, **arguments: str) -> Any:
        return await asyncio.to_thread(answer, asking, tool, arguments)

    good, bad = asked
    assert (await told("summary"))["requests"]["total"] == 2
    assert (await told("spending", group="operation"))["total_usd"] == 0
    series = (await told("timeseries", measure="requests", group="model"))["series"]
    assert {one["group"]: sum(one["values"]) for one in series} == {"custom:good": 1, "custom:bad": 1}
    [group] = (await told("errors"))["groups"]
    assert (group["model"], group["sample_inference_ids"]) == ("custom:bad", [bad])
    assert isinstance((await told("health"))["models"], list)
    assert [item["inference_id"] for item in (await told("list_inferences", state="failed"))["items"]] == [bad]
    assert (await told("show_inference", inference_id=good))["state"] == "completed"
    assert (await told("balance"))["sound"] is True
