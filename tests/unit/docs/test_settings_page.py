"""docs/settings.md names every variable that a service or the local run reads."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from deploy.local.settings import read_settings
from services.features.settings import FeaturesSettings
from services.gateway.settings import GatewaySettings
from services.monitor.settings import MonitorSettings
from services.router.settings import RouterSettings
from tests.unit.deploy.environment_names import environment_names

PAGE = (Path(__file__).parents[3] / "docs" / "settings.md").read_text()


class Asked(Mapping[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@pytest.mark.parametrize("settings", [GatewaySettings, RouterSettings, FeaturesSettings, MonitorSettings])
def test_names_every_setting_of_a_service(settings: type[BaseSettings]) -> None:
    assert {name for name in environment_names(settings) if f"`{name}`" not in PAGE} == set()


def test_names_every_setting_of_the_local_run() -> None:
    environment = Asked()

    read_settings(environment)

    assert environment.names
    assert {name for name in environment.names if f"`{name}`" not in PAGE} == set()
