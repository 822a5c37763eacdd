"""A wrong setting is refused at start: by its variable, with what it is and what is allowed, and no secret is shown."""

import os

import pytest

from services.console.settings import ConsoleSettings
from services.documents.settings_classes import SERVICES, Setting, all_settings
from services.features.settings import FeaturesSettings
from services.gateway.settings import GatewaySettings
from services.jobs.settings import JobsSettings
from services.monitor.settings import MonitorSettings
from services.router.settings import RouterSettings
from shared.errors import ConfigurationError
from shared.settings import allowed, environment_names, is_number
from tests.support.command import run_here

_NUMBERS = [setting for setting in all_settings() if is_number(setting.field)]
_STARTS = (GatewaySettings, RouterSettings, MonitorSettings, FeaturesSettings, JobsSettings, ConsoleSettings)


def refused(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a service says that reads the variable, and starts no further."""
    monkeypatch.setenv(variable, value)
    read_by = next(kind for kind in _STARTS if variable in environment_names(kind))
    with pytest.raises(ConfigurationError) as caught:
        read_by()
    return caught.value.failure.detail


@pytest.mark.parametrize("setting", _NUMBERS, ids=[setting.variable for setting in _NUMBERS])
def test_a_number_that_makes_no_sense_is_refused_by_name_with_what_is_allowed(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in ("-1", "1e309", "nan", "inf", "99999999999999999999", "many", ""):
        detail = refused(setting.variable, value, monkeypatch)
        assert detail.startswith(f"{setting.variable} = {value!r}: ")
        assert detail.endswith(f"allowed: {allowed(setting.field)}")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TALLYGATE_PORT", "99999"),
        ("TALLYGATE_PORT", "0"),
        ("TALLYGATE_MONITOR_BATCH", "0"),
        ("TALLYGATE_MAX_DEADLINE_S", "604801"),
        ("TALLYGATE_REPLY_PARTITION", "64"),
        ("TALLYGATE_LOG_LEVEL", "loud"),
        ("TALLYGATE_ROUTER_GROUP", "a group"),
        ("TALLYGATE_BOOTSTRAP_TENANT", "a/b"),
        ("TALLYGATE_MONITOR_URL", "ftp://monitor"),
        ("TALLYGATE_INSTANCE", "x" * 151),
        ("TALLYGATE_ALLOWED_NETWORKS", "10.0.0.0/99"),
        ("TALLYGATE_MONITOR_SAVINGS_REFERENCE", "gpt"),
        ("TALLYGATE_PROVIDERS", "{["),
        ("KAFKA_BOOTSTRAP_SERVERS", "broker"),
        ("KAFKA_BOOTSTRAP_SERVERS", "broker:99999"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:1,,b:2"),
        ("KAFKA_SECURITY_PROTOCOL", "TLS"),
        ("KAFKA_SASL_MECHANISM", "GSSAPI"),
        ("DATABASE_POOL_SIZE", "0"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused(variable, value, monkeypatch).startswith(variable)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "mysql://user:opensesame@host/x"),
        ("DATABASE_URL", "postgresql://user:opensesame@host:99999/x"),
        ("DATABASE_URL", "postgresql://user:opensesame@host:port/x"),
        ("DATABASE_URL", "opensesame"),
        ("TALLYGATE_PROVIDERS", '[{"name": "openai", "api_key": "opensesame", "models": 5}]'),
        ("TALLYGATE_PROVIDERS", '[{"name": "openai", "api_key": "opensesame"'),
    ],
)
def test_a_wrong_value_that_may_hold_a_secret_is_not_shown(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    detail = refused(variable, value, monkeypatch)
    assert detail.startswith(variable)
    assert "opensesame" not in detail


def test_every_service_is_told_of_its_shared_settings_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_TIMEOUT_S", "0")
    for kind in SERVICES:
        if "DATABASE_TIMEOUT_S" not in environment_names(kind):
            assert kind is ConsoleSettings  # the only one without a database
            continue
        with pytest.raises(ConfigurationError, match="DATABASE_TIMEOUT_S = '0'"):
            kind()


def test_the_command_says_it_in_one_sentence_and_ends() -> None:
    done = run_here(("serve", "monitor"), {"PATH": os.defpath, "TALLYGATE_MONITOR_PORT": "99999"})

    assert done.returncode == 1
    assert done.stderr.startswith("TALLYGATE_MONITOR_PORT = '99999': ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("level", ["debug", "INFO", "Warning"])
def test_a_log_level_may_be_written_in_any_case(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYGATE_LOG_LEVEL", level)
    assert MonitorSettings().log_level == level.upper()
