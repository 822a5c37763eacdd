from pathlib import Path

import pytest

from deploy.local.failure import LocalRunError
from deploy.local.settings import read_settings


def test_the_defaults_are_those_of_the_design() -> None:
    settings = read_settings({})
    assert (settings.gateway_port, settings.monitor_port, settings.console_port) == (8000, 8001, 8002)
    assert (settings.router_port, settings.routers) == (8010, 1)
    assert settings.kafka_bootstrap_servers is settings.database_url is settings.broker is None
    assert settings.cache == Path.home() / ".cache" / "tallygate"


def test_the_users_broker_and_database_are_taken() -> None:
    settings = read_settings({"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092", "DATABASE_URL": "postgresql://db/x"})
    assert (settings.kafka_bootstrap_servers, settings.database_url) == ("kafka:9092", "postgresql://db/x")


def test_an_empty_value_counts_as_not_set() -> None:
    settings = read_settings({"KAFKA_BOOTSTRAP_SERVERS": "", "TALLYGATE_PORT": ""})
    assert settings.kafka_bootstrap_servers is None
    assert settings.gateway_port == 8000


@pytest.mark.parametrize("value", ["eighty", "0", "65536", "-1", "80.5"])
def test_a_port_that_is_none_is_named(value: str) -> None:
    with pytest.raises(LocalRunError, match=f"TALLYGATE_PORT must be a whole number.*'{value}'"):
        read_settings({"TALLYGATE_PORT": value})


def test_an_unknown_broker_is_named() -> None:
    with pytest.raises(LocalRunError, match="TALLYGATE_BROKER must be kafka or tansu, not 'redis'"):
        read_settings({"TALLYGATE_BROKER": "redis"})
