"""The one stack with provider models, which would show in everybody's lists on the one that all other tests share."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.live import Live, ModelServer
from tests.support.otlp import OtlpReceiver
from tests.support.own_stack import own_stack

HOUSE, BRING = "house", "bring"
HOUSE_PRICE = {"input_per_mtok_usd": 1000.0, "output_per_mtok_usd": 1000.0}


@pytest_asyncio.fixture(scope="session")
async def stack_with_providers(
    tmp_path_factory: pytest.TempPathFactory, model_server: ModelServer, otlp: OtlpReceiver
) -> AsyncIterator[Live]:
    """The deployment has a key of one provider; of the other one a tenant must bring its own."""
    providers = [
        {"name": HOUSE, "base_url": model_server.url, "api_key": "sk-house",
         "models": ["demo", "demo-tokens-3", "demo-delay-2000"],
         "prices": {"demo": HOUSE_PRICE}, "context_windows": {"demo": 500}},
        {"name": BRING, "base_url": model_server.url, "models": ["demo"], "key_required": True},
    ]  # fmt: skip
    settings = {"TALLYGATE_PROVIDERS": json.dumps(providers)}
    async with own_stack(tmp_path_factory.mktemp("providers"), settings, model_server, otlp) as live:
        yield live
