import pytest

from shared.errors import ConfigurationError
from shared.kafka.settings import KafkaSettings


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KafkaSettings.model_fields:
        monkeypatch.delenv(f"KAFKA_{name.upper()}", raising=False)


def test_without_a_broker_the_setting_is_named() -> None:
    with pytest.raises(ConfigurationError, match="KAFKA_BOOTSTRAP_SERVERS is not set"):
        KafkaSettings().connection()


def test_several_brokers_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "a:1,b:2")
    connection = KafkaSettings().connection()
    assert connection["bootstrap_servers"] == ["a:1", "b:2"]
    assert connection["ssl_context"] is None


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL"])
def test_tls_is_used_where_the_protocol_says_so(protocol: str) -> None:
    connection = KafkaSettings(bootstrap_servers="a:1", security_protocol=protocol).connection()
    assert connection["ssl_context"].check_hostname


def test_the_password_is_used_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "opensesame")
    settings = KafkaSettings(bootstrap_servers="a:1")
    assert settings.connection()["sasl_plain_password"] == "opensesame"
    assert "opensesame" not in repr(settings)
