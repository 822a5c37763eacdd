"""docker-compose.yml says what it must, in names that the code knows."""

import re
from pathlib import Path
from typing import Any, cast

import opentelemetry.sdk.environment_variables as opentelemetry_names
import pytest
import typer
from ruamel.yaml import YAML

from services.__main__ import app
from services.console.settings import ConsoleSettings
from services.features.settings import FeaturesSettings
from services.gateway.settings import GatewaySettings
from services.jobs.settings import JobsSettings
from services.monitor.settings import MonitorSettings
from services.router.settings import RouterSettings
from shared.db import DatabaseSettings
from shared.kafka.settings import KafkaSettings
from shared.settings import environment_names

Service = dict[str, Any]

ROOT = Path(__file__).parents[3]
COMPOSE = cast("dict[str, Any]", YAML(typ="safe").load(ROOT / "docker-compose.yml"))
SERVICES = cast("dict[str, Service]", COMPOSE["services"])
OURS = {name: service for name, service in SERVICES.items() if "build" in service}

READ_BY = {
    "setup": environment_names(KafkaSettings) | environment_names(DatabaseSettings),
    "gateway": environment_names(GatewaySettings),
    "router": environment_names(RouterSettings),
    "features": environment_names(FeaturesSettings),
    "jobs": environment_names(JobsSettings),
    "monitor": environment_names(MonitorSettings),
    "console": environment_names(ConsoleSettings),
}


def test_the_services_are_these() -> None:
    watching = {"prometheus", "grafana", "node-exporter"}
    by_default = {"kafka", "postgres", "setup", "gateway", "router", "features", "jobs", "monitor", "console", "traces"}
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["metrics"]} == watching
    assert set(SERVICES) == by_default | watching
    assert set(OURS) == set(READ_BY)


@pytest.mark.parametrize("name", SERVICES)
def test_runs_as_a_user_that_is_not_root(name: str) -> None:
    user = str(SERVICES[name]["user"])
    assert user.partition(":")[0] not in {"", "0", "root"}


@pytest.mark.parametrize("name", SERVICES)
def test_has_a_health_check_unless_it_runs_once(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert bool(check.get("test")) is not _runs_once(name)
    assert check.get("disable", False) is _runs_once(name)


@pytest.mark.parametrize("name", SERVICES)
def test_has_no_fixed_name_and_a_pinned_image(name: str) -> None:
    service = SERVICES[name]
    assert "container_name" not in service
    assert "hostname" not in service
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+[\w.-]*", service["image"])


@pytest.mark.parametrize("name", OURS)
def test_has_a_root_filesystem_that_cannot_be_written(name: str) -> None:
    assert OURS[name]["read_only"] is True
    assert OURS[name]["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", OURS)
def test_gets_only_variables_that_it_reads(name: str) -> None:
    given = set(OURS[name]["environment"])
    opentelemetry = {one for one in given if one.startswith("OTEL_")}
    assert given - opentelemetry <= READ_BY[name]
    assert all(hasattr(opentelemetry_names, one) for one in opentelemetry)


@pytest.mark.parametrize("name", OURS)
def test_runs_commands_that_there_are(name: str) -> None:
    command = OURS[name]["command"]
    lines = command[-1].split(" && ") if command[0] == "sh" else [" ".join(command)]
    for program, *words in map(str.split, lines):
        assert program == "tallygate"
        assert _is_command(words), words


@pytest.mark.parametrize("name", ["gateway", "router", "monitor"])
def test_starts_after_the_schema_and_the_topics(name: str) -> None:
    assert {one: wait["condition"] for one, wait in SERVICES[name]["depends_on"].items()} == {
        "setup": "service_completed_successfully",
        "kafka": "service_healthy",
        "postgres": "service_healthy",
    }


def test_prometheus_looks_for_every_service_where_it_listens() -> None:
    jobs = YAML(typ="safe").load(ROOT / "deploy" / "prometheus" / "prometheus.yml")["scrape_configs"]
    found = {
        job["job_name"]: (one["names"], one["port"]) for job in jobs for one in job.get("dns_sd_configs", ())
    }  # fmt: skip
    services = OURS.keys() - {"setup"}
    ports = {"gateway": "TALLYGATE_PORT"} | {
        name: f"TALLYGATE_{name.upper()}_PORT" for name in services if name != "gateway"
    }
    assert found == {
        f"tallygate-{name}": ([name], int(OURS[name]["environment"][ports[name]])) for name in services
    }  # fmt: skip


def test_what_is_mounted_of_this_folder_is_there() -> None:
    volumes = [volume for service in SERVICES.values() for volume in service.get("volumes", ())]
    mounted = [volume.split(":")[0] for volume in volumes if isinstance(volume, str) and volume.startswith("./")]
    assert len(mounted) == 3
    assert all((ROOT / folder).is_dir() for folder in mounted)


def test_routers_can_be_scaled() -> None:
    assert "ports" not in SERVICES["router"]


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in ("TALLYGATE_KEYS", "POSTGRES_PASSWORD", "TALLYGATE_ADMIN_KEY_FILE"):
        uses = re.findall(r"\$\{" + name + r"(.)(.)", text)
        assert uses
        assert set(uses) == {(":", "?")}
    assert "tallygate secrets new-key" in text


def test_ports_are_open_to_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_broker_creates_no_topic_by_itself() -> None:
    assert SERVICES["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def _is_command(words: list[str]) -> bool:
    known: Any = typer.main.get_command(app)
    for word in words:
        known = getattr(known, "commands", {}).get(word)
    return known is not None and not hasattr(known, "commands")


def _runs_once(name: str) -> bool:
    waits = [service.get("depends_on", {}).get(name, {}).get("condition") for service in SERVICES.values()]
    return "service_completed_successfully" in waits
