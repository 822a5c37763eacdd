"""An identity is of one life; what is derived from the configured name is the same in every life."""

from collections.abc import Callable

import pytest

from services.features.settings import FeaturesSettings
from services.gateway.settings import GatewaySettings
from services.jobs.settings import JobsSettings
from services.monitor.settings import MonitorSettings
from services.router.settings import RouterSettings
from shared.errors import ConfigurationError
from shared.service.settings import ServiceSettings

SERVICES: list[tuple[Callable[[], ServiceSettings], str]] = [
    (RouterSettings, "TALLYGATE_ROUTER_INSTANCE"),
    (MonitorSettings, "TALLYGATE_MONITOR_INSTANCE"),
    (FeaturesSettings, "TALLYGATE_FEATURES_INSTANCE"),
    (JobsSettings, "TALLYGATE_JOBS_INSTANCE"),
    (GatewaySettings, "TALLYGATE_INSTANCE"),
]


@pytest.mark.parametrize(("settings", "variable"), SERVICES)
def test_no_two_lives_are_the_same_whatever_name_is_configured(
    settings: Callable[[], ServiceSettings], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings().instance != settings().instance
    monkeypatch.setenv(variable, "router-0")
    first, second = settings(), settings()
    assert first.instance != second.instance
    assert first.instance.startswith("router-0-")
    assert first.instance_name == second.instance_name == "router-0"


def test_every_life_of_a_name_reads_the_same_reply_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYGATE_INSTANCE", "gateway-3")
    assert len({GatewaySettings().partition for _ in range(20)}) == 1


def test_an_identity_fits_into_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYGATE_ROUTER_INSTANCE", "r" * 151)
    with pytest.raises(ConfigurationError, match="150"):
        RouterSettings()
