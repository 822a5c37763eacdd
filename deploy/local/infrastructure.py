"""Broker and database: the user's own where the settings name them, else embedded ones on ports that are kept."""

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.local.broker import broker_program
from deploy.local.home import Home, load_json, save_json
from deploy.local.keyfiles import new_password, read_or_create
from deploy.local.leftovers import MARK
from deploy.local.ports import LOOPBACK, free_ports, is_free
from deploy.local.postgres import DATABASE, database_url, postgres_program
from deploy.local.programs import Program, chosen_ports
from deploy.local.readiness import broker_refuses, create_database, database_not_ready, kafka_not_ready
from deploy.local.settings import LocalSettings
from deploy.local.waiting import Check

PORTS = ("kafka", "controller", "postgres")


@dataclass(frozen=True)
class Infrastructure:
    kafka_bootstrap_servers: str
    database_url: str
    programs: list[Program]
    checks: dict[str, Check]


def prepare_infrastructure(home: Home, settings: LocalSettings, environment: Mapping[str, str]) -> Infrastructure:
    """Everything is made ready to start (jars, formats, data folders); nothing is started."""
    ports = _ports(home, chosen_ports(settings))
    mark = f"{MARK}={home.path}"
    programs: list[Program] = []
    checks: dict[str, Check] = {}

    kafka = settings.kafka_bootstrap_servers
    if kafka is None:
        bootstrap = kafka = f"{LOOPBACK}:{settings.kafka_advertised_port or ports['kafka']}"
        programs.append(broker_program(home, settings, (ports["kafka"], ports["controller"]), mark, environment))
        checks["kafka"] = lambda: kafka_not_ready(bootstrap)
    else:
        external = kafka
        checks["the broker of KAFKA_BOOTSTRAP_SERVERS"] = lambda: broker_refuses(external)

    database = settings.database_url
    if database is None:
        password = read_or_create(home.postgres_password, new_password)
        database = database_url(ports["postgres"], password)
        server = database_url(ports["postgres"], password, "postgres")
        programs.append(postgres_program(home, ports["postgres"], mark))
        checks["postgres"] = lambda: _embedded_database_not_ready(server)
    else:
        url = database
        checks["the database of DATABASE_URL"] = lambda: database_not_ready(url)
    return Infrastructure(kafka, database, programs, checks)


def _embedded_database_not_ready(server_url: str) -> str | None:
    reason = database_not_ready(server_url)
    if reason is None:
        create_database(server_url, DATABASE)
    return reason


def _ports(home: Home, chosen: set[int]) -> dict[str, int]:
    """Ports are kept in the home, so that a shell's environment stays valid. None is a service's port."""
    file = home.path / "ports.json"
    kept = {name: int(port) for name, port in load_json(file).items()}
    if kept.keys() != set(PORTS) or not all(is_free(port) and port not in chosen for port in kept.values()):
        kept = dict(zip(PORTS, free_ports(len(PORTS), chosen), strict=True))
        save_json(file, {name: str(port) for name, port in kept.items()})
    return kept
