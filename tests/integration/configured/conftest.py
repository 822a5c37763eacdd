"""The one stack that is configured otherwise than the one that all other tests share: its provider models would show
in everybody's lists, its features workers lose their jobs soon, and its two monitors their turn to recover."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from deploy.local.ports import free_port_range
from tests.support.live import Live, ModelServer
from tests.support.otlp import OtlpReceiver
from tests.support.own_stack import own_stack

HOUSE, BRING = "house", "bring"
HOUSE_PRICE = {"input_per_mtok_usd": 1000.0, "output_per_mtok_usd": 1000.0}
JOBS_AT_ONCE, MAX_DELIVERIES = 3, 2
_LEASE_S = 3


@pytest_asyncio.fixture(scope="package")  # a stack that nobody needs any more costs the others a third of a core
async def configured_stack(
    tmp_path_factory: pytest.TempPathFactory, model_server: ModelServer, otlp: OtlpReceiver
) -> AsyncIterator[Live]:
    """The deployment has a key of one provider; of the other one a tenant must bring its own. Two features workers."""
    providers = [
        {"name": HOUSE, "base_url": model_server.url, "api_key": "sk-house",
         "models": ["demo", "demo-tokens-3", "demo-delay-2000"],
         "prices": {"demo": HOUSE_PRICE}, "context_windows": {"demo": 500}},
        {"name": BRING, "base_url": model_server.url, "models": ["demo"], "key_required": True},
    ]  # fmt: skip
    settings = {
        "TALLYGATE_PROVIDERS": json.dumps(providers),
        "TALLYGATE_FEATURES_WORKERS": "2",
        "TALLYGATE_FEATURES_PORT": str(free_port_range(2)),
        "TALLYGATE_FEATURES_MAX_JOBS": str(JOBS_AT_ONCE),
        "TALLYGATE_FEATURES_MAX_DELIVERIES": str(MAX_DELIVERIES),
        "TALLYGATE_FEATURES_LEASE_S": str(_LEASE_S),
        "TALLYGATE_MONITORS": "2",
        "TALLYGATE_MONITOR_RECOVERY_LEASE_S": str(_LEASE_S),
    }
    async with own_stack(tmp_path_factory.mktemp("configured"), settings, model_server, otlp) as live:
        yield live
