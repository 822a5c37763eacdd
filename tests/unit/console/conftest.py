"""A console in front of a gateway that answers as it is told."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from starlette.applications import Starlette

from services.console.app import make_app
from services.console.settings import ConsoleSettings
from shared.crypto.keys import new_key
from tests.support.fake_gateway import KEY, FakeGateway, fake_gateway

ORIGIN = "http://console.test"
SignIn = Callable[[], Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with fake_gateway() as opened:
        yield opened


@pytest.fixture
def app(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> Starlette:
    monkeypatch.setenv("TALLYGATE_KEYS", new_key())
    monkeypatch.setenv("TALLYGATE_GATEWAY_URL", gateway.url)
    return make_app(ConsoleSettings())


@pytest.fixture
async def stranger(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which nobody is signed in."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield client


@pytest.fixture
async def browser(stranger: httpx.AsyncClient) -> httpx.AsyncClient:
    """Signed in."""
    answer = await stranger.post("/login", data={"key": KEY})
    assert answer.status_code == 303, answer.text
    return stranger
