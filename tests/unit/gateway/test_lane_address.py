"""Where routers are told to find the reply lane."""

import socket

import pytest

from services.gateway.settings import GatewaySettings
from shared.errors import ConfigurationError


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "127.0.0.1"),
        ({"lane_host": "10.0.0.7"}, "10.0.0.7"),
        ({"lane_host": "0.0.0.0"}, socket.gethostname()),
        ({"lane_host": "0.0.0.0", "lane_advertised_host": "gateway-1.gateways"}, "gateway-1.gateways"),
    ],
    ids=["default", "bound", "any", "advertised"],
)
def test_it_is_an_address_that_can_be_connected_to(settings: dict[str, str], address: str) -> None:
    assert GatewaySettings(**settings).lane_address == address  # type: ignore[arg-type]


def test_what_no_request_could_carry_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigurationError, match="TALLYGATE_LANE_ADVERTISED_HOST"):
        GatewaySettings(lane_advertised_host="a host")
