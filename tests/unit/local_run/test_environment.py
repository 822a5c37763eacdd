from collections.abc import Mapping
from pathlib import Path

from deploy.local.environment import service_environment
from deploy.local.settings import read_settings

HOME = Path("/home/me/.tallygate")


def given(user: Mapping[str, str]) -> dict[str, str]:
    return service_environment(
        user,
        read_settings(user),
        home=HOME,
        kafka_bootstrap_servers="127.0.0.1:20001",
        database_url="postgresql://tallygate@127.0.0.1:20002/tallygate",
        keys="k1:bWFkZQ==",
        signing_keys="s1:bWFkZQ==",
    )


def test_services_are_told_everything_that_they_need() -> None:
    assert given({}) == {
        "TALLYGATE_HOME": "/home/me/.tallygate",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:20001",
        "DATABASE_URL": "postgresql://tallygate@127.0.0.1:20002/tallygate",
        "TALLYGATE_KEYS": "k1:bWFkZQ==",
        "TALLYGATE_SIGNING_KEYS": "s1:bWFkZQ==",
        "TALLYGATE_ADMIN_KEY_FILE": "/home/me/.tallygate/admin.key",
        "TALLYGATE_PORT": "8000",
        "TALLYGATE_MONITOR_PORT": "8001",
        "TALLYGATE_CONSOLE_PORT": "8002",
        "TALLYGATE_ROUTER_PORT": "8010",
        "TALLYGATE_FEATURES_PORT": "8020",
        "TALLYGATE_JOBS_PORT": "8030",
        "TALLYGATE_GATEWAY_URL": "http://127.0.0.1:8000",
        "TALLYGATE_MONITOR_URL": "http://127.0.0.1:8001",
        "TALLYGATE_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
    }


def test_what_the_user_sets_wins() -> None:
    user = {
        "TALLYGATE_KEYS": "k9:mine",
        "TALLYGATE_SIGNING_KEYS": "s9:mine",
        "TALLYGATE_ADMIN_KEY_FILE": "/run/secrets/admin",
        "TALLYGATE_ALLOWED_NETWORKS": "10.0.0.0/8",
        "TALLYGATE_MONITOR_URL": "http://monitor.test",
    }
    assert given(user).items() >= user.items()


def test_urls_follow_the_ports() -> None:
    assert given({"TALLYGATE_MONITOR_PORT": "9001"})["TALLYGATE_MONITOR_URL"] == "http://127.0.0.1:9001"
