"""The probe against real sockets."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from deploy.local.ports import free_ports
from deploy.model_server import running_model_server
from services.gateway.models import probe as probe_module
from services.gateway.models.probe import Probed, Target, probe
from shared.errors import TallygateError
from shared.guard import Guard
from shared.registry.secrets import ModelSecrets

LOOPBACK = Guard((ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")))
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(handler))  # type: ignore[arg-type]
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


def oks(probed: Probed) -> dict[str, bool | None]:
    return {step.step: step.ok for step in probed.steps}


async def probe_url(url: str, api_key: str | None = None, model: str | None = None, guard: Guard = LOOPBACK) -> Probed:
    return await probe(guard, Target(endpoint_url=url, secrets=ModelSecrets(api_key), model=model))


async def test_a_server_that_lists_the_model() -> None:
    async with running_model_server() as server:
        probed = await probe_url(f"{server.url}/chat/completions", "sk-any", "demo")

        assert oks(probed) == {"dns": True, "tcp": True, "auth": True, "model": True}
        assert (probed.wire_format, probed.assumed, probed.context_window) == ("openai", False, 131_072)
        assert server.ledger()["total"] == 0


async def test_an_anthropic_server_is_found_out() -> None:
    async def handler(request: web.Request) -> web.Response:
        if "anthropic-version" not in request.headers or request.headers.get("x-api-key") != "sk-ant-1":
            return web.json_response({"type": "error", "error": {"type": "authentication_error"}}, status=401)
        return web.json_response({"data": [{"id": "claude", "type": "model"}], "has_more": False, "first_id": "claude"})

    async with served(handler) as url:
        good, bad = await probe_url(url, "sk-ant-1", "claude"), await probe_url(url, "sk-ant-2")

    assert oks(good) == {"dns": True, "tcp": True, "auth": True, "model": True}
    assert (good.wire_format, good.assumed) == ("anthropic", False)
    assert bad.failure is not None
    assert (bad.failure.error_type, bad.wire_format) == ("authentication_failed", "anthropic")


async def test_a_server_that_lists_nothing_is_assumed_to_speak_openai() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=404)

    async with served(handler) as url:
        probed = await probe_url(url, model="m")

    assert oks(probed) == {"dns": True, "tcp": True, "auth": None, "model": None}
    assert (probed.wire_format, probed.assumed, probed.failure) == ("openai", True, None)


async def test_the_query_of_an_endpoint_stays_behind_the_path_of_the_listing() -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        return web.Response(status=404)

    async with served(handler) as url:
        await probe_url(f"{url}/chat/completions?api-version=2024-10-21")

    assert asked == ["/v1/models?api-version=2024-10-21"]


async def test_a_redirect_is_not_followed() -> None:
    paths: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response(status=307, headers={"location": "/elsewhere"})

    async with served(handler) as url:
        probed = await probe_url(url)

    assert set(paths) == {"/v1/models"}
    assert oks(probed)["auth"] is None


async def test_a_listing_that_is_too_long_or_too_slow_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    async def long(_: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "x" * 1000}] * 1100})

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(0.5)
        return web.Response()

    monkeypatch.setattr(probe_module, "STEP_S", 0.1)
    for handler in (long, slow):
        async with served(handler) as url:
            probed = await probe_url(url, model="m")
        assert probed.failure is None
        assert oks(probed)["model"] is None


async def test_at_most_500_models_are_kept_and_all_are_looked_through() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": f"m{number}"} for number in range(900)]})

    async with served(handler) as url:
        probed = await probe_url(url, model="m899")

    assert len(probed.models) == 500
    assert oks(probed)["model"] is True


@pytest.mark.parametrize(
    ("answer", "error_type"), [(b"-ERR unknown command\r\n", "bad_response"), (b"", "stream_broken")]
)
async def test_what_does_not_speak_http(answer: bytes, error_type: str) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        probed = await probe_url(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")

    assert probed.failure is not None
    assert probed.failure.error_type == error_type
    assert oks(probed) == {"dns": True, "tcp": True, "auth": False}


async def test_a_plain_server_that_is_asked_over_tls() -> None:
    async with running_model_server() as server:
        probed = await probe_url(server.url.replace("http://", "https://"))

    assert probed.failure is not None
    assert probed.failure.error_type == "tls_failed"
    assert oks(probed) == {"dns": True, "tcp": True, "tls": False}


async def test_a_closed_port() -> None:
    probed = await probe_url(f"http://127.0.0.1:{free_ports(1)[0]}/v1")

    assert probed.failure is not None
    assert probed.failure.error_type == "endpoint_unreachable"
    assert "Connection refused" in probed.failure.detail
    assert oks(probed) == {"dns": True, "tcp": False}


async def test_a_name_that_is_unknown_and_one_that_leads_to_a_forbidden_address() -> None:
    async def unknown(_host: str, _port: int) -> list[str]:
        raise OSError("no such host")

    async def private(_host: str, _port: int) -> list[str]:
        return ["10.0.0.7"]

    for resolve, error_type in ((unknown, "endpoint_unreachable"), (private, "endpoint_forbidden")):
        probed = await probe_url("http://inner.example/v1", guard=Guard((), resolve))
        assert probed.failure is not None
        assert probed.failure.error_type == error_type
        assert oks(probed) == {"dns": False}
        assert "10.0.0.7" not in probed.failure.detail


async def test_the_second_address_is_dialled_when_the_first_refuses() -> None:
    async def both(_host: str, _port: int) -> list[str]:
        return ["127.0.0.9", "127.0.0.1"]

    async with running_model_server() as server:
        guard = Guard(LOOPBACK.allowed, both)
        probed = await probe_url(f"http://model.example:{server.port}/v1", guard=guard)

    assert oks(probed)["tcp"] is True


async def test_what_the_endpoint_repeats_of_our_secrets_is_not_told() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"error": {"message": f"no: {dict(request.headers)}"}}, status=401)

    async with served(handler) as url:
        secrets = ModelSecrets("opensesame", {"x-token": "Token abracadabra", "x-team": "a"})
        target = Target(endpoint_url=url, secrets=secrets)
        probed = await probe(LOOPBACK, target)

    text = str([step.shown() for step in probed.steps])
    assert "opensesame" not in text + repr(target)
    assert "abracadabra" not in text + repr(target)
    assert probed.failure is not None


async def test_what_is_no_url_is_no_step() -> None:
    with pytest.raises(TallygateError, match="invalid_request"):
        await probe_url("ftp://h/v1")
