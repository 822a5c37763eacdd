"""Against a real server on loopback that counts who connects."""

import ipaddress
import socket
from typing import Any

import aiohttp
import pytest

from shared.guard import ForbiddenAddressError, Guard
from shared.guard.ranges import Network
from tests.unit.shared.guard.fakes import PUBLIC, FakeDns, dns, loopback_server

LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


async def call(connector: aiohttp.TCPConnector, *urls: str, **options: Any) -> list[int]:
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        statuses = []
        for url in urls:
            async with session.post(url, data=b"{}", allow_redirects=False, **options) as response:
                await response.read()
                statuses.append(response.status)
        return statuses


async def refusal_at_dial(guard: Guard, url: str, **options: Any) -> ForbiddenAddressError:
    with pytest.raises(aiohttp.ClientConnectorError) as caught:
        await call(guard.connector(), url, **options)
    assert isinstance(caught.value.os_error, ForbiddenAddressError)
    return caught.value.os_error


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0", "[::]"])
async def test_a_literal_address_is_never_connected_to(host: str) -> None:
    async with loopback_server() as server:
        await refusal_at_dial(Guard(resolve=dns(PUBLIC)), f"http://{host}:{server.port}/v1")
        assert server.connections == 0


@pytest.mark.parametrize(
    "host", ["2130706433", "127.1", "0177.0.0.1", "0x7f.1", "0x7f000001", "localhost", "localhost."]
)
async def test_no_way_to_write_loopback_gets_a_connection(host: str) -> None:
    async with loopback_server() as server:
        with pytest.raises(aiohttp.ClientError):
            await call(Guard().connector(), f"http://{host}:{server.port}/v1")
        assert server.connections == 0


@pytest.mark.parametrize("answer", [("127.0.0.1",), (PUBLIC, "127.0.0.1"), ("127.0.0.1", PUBLIC), ("::1", "127.0.0.1")])
async def test_a_name_is_never_connected_to_when_any_address_is_refused(answer: tuple[str, ...]) -> None:
    async with loopback_server() as server:
        refusal = await refusal_at_dial(Guard(resolve=dns(*answer)), f"http://evil.example:{server.port}/v1")
        assert "127.0.0.1" not in str(refusal)
        assert server.connections == 0


async def test_a_name_that_changes_between_check_and_dial_is_never_connected_to() -> None:
    async with loopback_server() as server:
        rebinding = FakeDns([[PUBLIC], ["127.0.0.1"]])
        guard = Guard(resolve=rebinding.resolve)
        url = f"http://rebinding.example:{server.port}/v1"
        await guard.check(url)
        await refusal_at_dial(guard, url)
        assert server.connections == 0
        assert len(rebinding.asked) == 2


async def test_a_scope_is_never_connected_to() -> None:
    guard = Guard((ipaddress.ip_network("fe80::/10"),), dns("fe80::1%lo"))
    await refusal_at_dial(guard, "http://evil.example:8000/v1")


async def test_the_address_that_was_checked_is_dialled() -> None:
    """The system knows no such name; only what the guard resolved can have been dialled, and only once."""
    async with loopback_server() as server:
        asked = FakeDns([["127.0.0.1"], ["10.0.0.1"]])
        guard = Guard(LOOPBACK, asked.resolve)
        assert await call(guard.connector(), f"http://gpu.invalid:{server.port}/v1") == [200]
        assert asked.asked == ["gpu.invalid"]
        assert b"\r\nHost: gpu.invalid:" in server.heads[0]


async def test_a_connection_is_checked_once_and_kept() -> None:
    async with loopback_server() as server:
        asked = FakeDns([["127.0.0.1"]])
        url = f"http://gpu.invalid:{server.port}/v1"
        assert await call(Guard(LOOPBACK, asked.resolve).connector(), url, url, url) == [200, 200, 200]
        assert (server.connections, len(asked.asked)) == (1, 1)


async def test_what_the_cache_knows_was_checked_and_a_refusal_is_not_kept() -> None:
    async with loopback_server() as server:
        asked = FakeDns([["10.0.0.1"], ["127.0.0.1"]])
        connector = Guard(LOOPBACK, asked.resolve).connector(force_close=True)
        url = f"http://gpu.invalid:{server.port}/v1"
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(aiohttp.ClientConnectorDNSError):
                await session.post(url)
            for _ in range(2):
                async with session.post(url) as response:
                    assert response.status == 200
        assert (server.connections, len(asked.asked)) == (2, 2)


async def test_an_allowed_literal_is_connected_to() -> None:
    async with loopback_server() as server:
        assert await call(Guard(LOOPBACK).connector(), f"http://127.0.0.1:{server.port}/v1") == [200]


async def test_happy_eyeballs_go_on_to_the_next_checked_address() -> None:
    async with loopback_server() as server:
        guard = Guard(LOOPBACK, dns("::1", "127.0.0.1"))
        assert await call(guard.connector(), f"http://gpu.invalid:{server.port}/v1") == [200]


async def test_only_addresses_of_the_wanted_family_are_dialled() -> None:
    guard = Guard(LOOPBACK, dns("127.0.0.1"))
    with pytest.raises(aiohttp.ClientConnectorDNSError) as caught:
        await call(guard.connector(family=socket.AF_INET6), "http://gpu.invalid:8000/v1")
    assert "wanted family" in str(caught.value.os_error)


async def test_a_redirect_is_checked_like_any_other_endpoint() -> None:
    """For callers that follow redirects."""
    async with loopback_server(host="0.0.0.0") as inner:
        redirect = f"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.9:{inner.port}/\r\ncontent-length: 0\r\n\r\n"
        async with loopback_server(redirect.encode()) as outer:
            connector = Guard((ipaddress.ip_network("127.0.0.1"),)).connector()
            async with aiohttp.ClientSession(connector=connector) as session:
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.get(f"http://127.0.0.1:{outer.port}/v1")
        assert (outer.connections, inner.connections) == (1, 0)


async def test_a_proxy_is_not_used() -> None:
    async with loopback_server() as proxy:
        proxy_url = f"http://127.0.0.1:{proxy.port}"
        refusal = await refusal_at_dial(Guard(LOOPBACK), "http://10.0.0.1/v1", proxy=proxy_url)
        assert "proxy" in str(refusal)
        assert proxy.connections == 0


@pytest.mark.parametrize("option", ["resolver", "socket_factory"])
async def test_what_the_guard_relies_on_cannot_be_replaced(option: str) -> None:
    with pytest.raises(TypeError, match=option):
        Guard().connector(**{option: None})
