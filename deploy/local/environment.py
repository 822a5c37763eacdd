"""The environment that the services get: a plain function on values."""

from collections.abc import Mapping
from pathlib import Path

from deploy.local.ports import LOOPBACK
from deploy.local.settings import LocalSettings


def service_environment(
    user: Mapping[str, str],
    settings: LocalSettings,
    *,
    home: Path,
    kafka_bootstrap_servers: str,
    database_url: str,
    keys: str,
    signing_keys: str,
) -> dict[str, str]:
    """Only what the services read; the rest of the user's environment reaches them as it is."""
    return {
        "TALLYGATE_HOME": str(home),
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap_servers,
        "DATABASE_URL": database_url,
        "TALLYGATE_KEYS": user.get("TALLYGATE_KEYS") or keys,
        "TALLYGATE_SIGNING_KEYS": user.get("TALLYGATE_SIGNING_KEYS") or signing_keys,
        "TALLYGATE_ADMIN_KEY_FILE": user.get("TALLYGATE_ADMIN_KEY_FILE") or str(home / "admin.key"),
        "TALLYGATE_PORT": str(settings.gateway_port),
        "TALLYGATE_MONITOR_PORT": str(settings.monitor_port),
        "TALLYGATE_CONSOLE_PORT": str(settings.console_port),
        "TALLYGATE_ROUTER_PORT": str(settings.router_port),
        "TALLYGATE_FEATURES_PORT": str(settings.features_port),
        "TALLYGATE_JOBS_PORT": str(settings.jobs_port),
        "TALLYGATE_GATEWAY_URL": user.get("TALLYGATE_GATEWAY_URL") or url(settings.gateway_port),
        "TALLYGATE_MONITOR_URL": user.get("TALLYGATE_MONITOR_URL") or url(settings.monitor_port),
        "TALLYGATE_ALLOWED_NETWORKS": user.get("TALLYGATE_ALLOWED_NETWORKS") or "127.0.0.0/8,::1/128",
    }


def url(port: int | str) -> str:
    return f"http://{LOOPBACK}:{port}"
