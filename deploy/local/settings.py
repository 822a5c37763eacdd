"""What the user may choose about the local run, read from an environment that is passed in."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from deploy.local.failure import LocalRunError

BrokerKind = Literal["kafka", "tansu"]

_MOST_OF_A_KIND = 100  # processes on one machine
_FEATURES_APART, _JOBS_APART = 10, 20  # the ports between are for more of each


@dataclass(frozen=True, kw_only=True)
class LocalSettings:
    kafka_bootstrap_servers: str | None
    database_url: str | None
    broker: BrokerKind | None
    cache: Path
    gateway_port: int
    monitor_port: int
    console_port: int
    router_port: int
    features_port: int
    jobs_port: int
    routers: int
    monitors: int
    features_workers: int
    jobs_workers: int
    kafka_advertised_port: int | None


def read_settings(environment: Mapping[str, str]) -> LocalSettings:
    router_port = _number(environment, "TALLYGATE_ROUTER_PORT", 8010)
    return LocalSettings(
        kafka_bootstrap_servers=environment.get("KAFKA_BOOTSTRAP_SERVERS") or None,
        database_url=environment.get("DATABASE_URL") or None,
        broker=_broker(environment.get("TALLYGATE_BROKER", "")),
        cache=Path(environment.get("TALLYGATE_CACHE") or "~/.cache/tallygate").expanduser().absolute(),
        gateway_port=_number(environment, "TALLYGATE_PORT", 8000),
        monitor_port=_number(environment, "TALLYGATE_MONITOR_PORT", 8001),
        console_port=_number(environment, "TALLYGATE_CONSOLE_PORT", 8002),
        router_port=router_port,
        features_port=_number(environment, "TALLYGATE_FEATURES_PORT", router_port + _FEATURES_APART),
        jobs_port=_number(environment, "TALLYGATE_JOBS_PORT", router_port + _JOBS_APART),
        routers=_number(environment, "TALLYGATE_ROUTERS", 1, _MOST_OF_A_KIND),
        monitors=_number(environment, "TALLYGATE_MONITORS", 1, _MOST_OF_A_KIND),
        features_workers=_number(environment, "TALLYGATE_FEATURES_WORKERS", 1, _MOST_OF_A_KIND),
        jobs_workers=_number(environment, "TALLYGATE_JOBS_WORKERS", 1, _MOST_OF_A_KIND),
        kafka_advertised_port=_optional_port(environment, "TALLYGATE_KAFKA_ADVERTISED_PORT"),
    )


def _broker(name: str) -> BrokerKind | None:
    if name not in ("", "kafka", "tansu"):
        raise LocalRunError(f"TALLYGATE_BROKER must be kafka or tansu, not {name!r}")
    return cast("BrokerKind | None", name or None)


def _optional_port(environment: Mapping[str, str], name: str) -> int | None:
    return _number(environment, name, 0) if environment.get(name) else None


def _number(environment: Mapping[str, str], name: str, default: int, most: int = 65535) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text[:6]) <= most:
        raise LocalRunError(f"{name} must be a whole number from 1 to {most}, not {text[:80]!r}")
    return int(text)
