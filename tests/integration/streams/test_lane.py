"""The two ways on which a reply comes back, alone and together, what becomes of a stream when one of them is cut, and
callers that read slowly: by gateways that are configured for it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
import pytest_asyncio

from deploy.local.ports import free_ports
from deploy.model_server.streams import rate_text
from tests.integration.streams.checking import add, is_all_of, sent_to
from tests.support.cut_line import CutLine
from tests.support.live import Api, Live
from tests.support.streaming import StreamCaller

ASKED = "by which way"
ANSWER = f"echo: {ASKED}"
SLOWLY = "demo-rate-20-count-80"  # four seconds
# Another address of this machine, so that the same port leads to the gateway here and to the line there.
_OTHER_LOOPBACK = "127.0.0.2"


@asynccontextmanager
async def _tenant_at(stack: Live, **settings: str) -> AsyncIterator[tuple[Live, Api]]:
    async with stack.another_gateway(**settings) as live:
        yield live, await live.new_tenant()


@pytest_asyncio.fixture(scope="module", params=["topic", "lane"])
async def one_way(stack: Live, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Live, Api]]:
    async with _tenant_at(stack, TALLYGATE_REPLY_BY=request.param) as found:
        yield found


async def test_each_way_alone_tells_the_same(one_way: tuple[Live, Api]) -> None:
    live, tenant = one_way
    good = await add(tenant, live, "demo-rate-200-count-50")
    broken = await add(tenant, live, "fault-stream-reset-mid")
    refused = await add(tenant, live, "fault-503", timeout_s=2)

    plain = await tenant.chat(good, ASKED)
    told = await tenant.stream.ask_with_usage(good, ASKED)
    cut = await tenant.stream.ask(broken, ASKED)
    no = await tenant.stream.ask(refused, ASKED)

    assert plain.body["choices"][0]["message"]["content"] == rate_text(ASKED, 50)
    assert (told.text, told.whole, len(told.usages)) == (rate_text(ASKED, 50), True, 1)
    assert is_all_of(told.text, await sent_to(live, tenant, told))
    assert (cut.error_type, cut.looks_complete) == ("stream_broken", False)
    assert ANSWER.startswith(cut.text)
    assert (no.status, no.error_type) == (503, "overloaded")


@pytest_asyncio.fixture(scope="module")
async def cut_lane(stack: Live) -> AsyncIterator[tuple[Live, Api, CutLine]]:
    """A gateway whose lane goes over a line that the test can cut, and that has little patience."""
    (port,) = free_ports(1)
    async with (
        CutLine.between((_OTHER_LOOPBACK, port), ("127.0.0.1", port)) as line,
        _tenant_at(
            stack,
            TALLYGATE_LANE_PORT=str(port),
            TALLYGATE_LANE_ADVERTISED_HOST=_OTHER_LOOPBACK,
            TALLYGATE_STREAM_KEEP_ALIVE_S="0.3",
            TALLYGATE_STREAM_STALL_S="2",
        ) as found,
    ):
        yield *found, line


async def test_a_lane_cut_in_the_middle_loses_and_doubles_nothing(cut_lane: tuple[Live, Api, CutLine]) -> None:
    live, tenant, line = cut_lane
    model = await add(tenant, live, SLOWLY)
    async with tenant.stream.opened(model, ASKED) as streaming:
        for characters in (50, 300, 600):
            await streaming.until_text(characters)
            line.cut()
        told = await streaming.to_the_end()

    assert (told.text, told.whole) == (rate_text(ASKED, 80), True)
    assert is_all_of(told.text, await sent_to(live, tenant, told))
    assert line.connections > 1


async def test_what_a_lane_that_stays_cut_does_not_bring_comes_by_the_topic(
    cut_lane: tuple[Live, Api, CutLine],
) -> None:
    live, tenant, line = cut_lane
    model = await add(tenant, live, "demo-rate-40-count-80")
    async with tenant.stream.opened(model, ASKED) as streaming:
        await streaming.until_text(100)
        with line.closed():
            told = await streaming.to_the_end()

    assert (told.text, told.whole) == (rate_text(ASKED, 80), True)
    assert is_all_of(told.text, await sent_to(live, tenant, told))


async def test_without_a_lane_from_the_start_the_topic_serves(cut_lane: tuple[Live, Api, CutLine]) -> None:
    live, tenant, line = cut_lane
    model = await add(tenant, live, "demo")
    with line.closed():
        plain, told = await asyncio.gather(tenant.chat(model, ASKED), tenant.stream.ask(model, ASKED))

    assert plain.status == 200
    assert (told.text, told.whole) == (ANSWER, True)


@pytest.mark.parametrize("behaviour", ["demo-silence-1500", "demo-delay-1500"])
async def test_silence_is_filled_with_comments(cut_lane: tuple[Live, Api, CutLine], behaviour: str) -> None:
    live, tenant, _ = cut_lane
    model = await add(tenant, live, behaviour)

    told = await tenant.stream.ask(model, ASKED)

    assert (told.text, told.whole) == (ANSWER, True)
    assert told.comments > 0


async def test_who_does_not_read_is_given_up(cut_lane: tuple[Live, Api, CutLine]) -> None:
    live, tenant, _ = cut_lane
    model = await add(tenant, live, "demo-rate-5000-count-99999")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=_narrow)) as session:
        caller = StreamCaller(session, live.gateway_url, tenant.key)
        async with caller.opened(model, ASKED) as streaming:
            told = await streaming.until_text(100)
            state = (await tenant.settled(told.inference_id))["state"]
            told = await streaming.to_the_end()

    assert state == "cancelled"
    assert not told.looks_complete
    assert told.broken or told.error_type == "cancelled"
    assert rate_text(ASKED, 99_999).startswith(told.text)
    entry = await sent_to(live, tenant, told)
    assert (entry["finished"], entry["aborted_by_client"]) == (False, True)


def _narrow(address: aiohttp.AddrInfoType) -> socket.socket:
    """Takes little that its owner does not read."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.setblocking(False)
    return made
