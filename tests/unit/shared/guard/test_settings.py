import ipaddress

import pytest

from shared.errors import ConfigurationError
from shared.guard import Guard, GuardSettings

NAME = "TALLYGATE_ALLOWED_NETWORKS"


def guard_of(monkeypatch: pytest.MonkeyPatch, text: str) -> Guard:
    monkeypatch.setenv(NAME, text)
    return GuardSettings().guard()


def test_nothing_is_allowed_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    assert GuardSettings().guard() == Guard(())


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("", []),
        (" , ", []),
        ("127.0.0.0/8,::1/128", ["127.0.0.0/8", "::1/128"]),
        (" 10.1.0.0/16 , 192.168.7.7 ,", ["10.1.0.0/16", "192.168.7.7/32"]),
    ],
)
def test_networks_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch, text: str, networks: list[str]) -> None:
    assert guard_of(monkeypatch, text).allowed == tuple(map(ipaddress.ip_network, networks))


@pytest.mark.parametrize(
    "text", ["10.1.2.3/16", "localhost", "10.0.0.0/33", "10.0.0.0/8;::1", "*", "[::1]/128", "10.1"]
)
def test_what_is_no_network_stops_the_start_with_an_example(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{NAME}: .+ as in 10\.1\.0\.0/16"):
        guard_of(monkeypatch, text)
