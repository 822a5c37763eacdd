"""What the supervisor runs. A service that is added to Tallygate is one more row of SERVICES."""

import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.settings import LocalSettings


@dataclass(frozen=True, kw_only=True)
class Program:
    name: str
    command: list[str]
    priority: int  # programs stop in reverse order
    stop_signal: str = "TERM"
    user: str | None = None
    directory: str | None = None
    ready_url: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    is_service: bool = False


@dataclass(frozen=True)
class Service:
    priority: int
    port_setting: str


# The gateway stops first, so that nothing new arrives; the monitor last, so that it hears the routers' last heartbeats.
SERVICES = {
    "monitor": Service(30, "TALLYGATE_MONITOR_PORT"),
    "router": Service(40, "TALLYGATE_ROUTER_PORT"),
    "features": Service(45, "TALLYGATE_FEATURES_PORT"),
    "jobs": Service(47, "TALLYGATE_JOBS_PORT"),
    "gateway": Service(50, "TALLYGATE_PORT"),
    "console": Service(60, "TALLYGATE_CONSOLE_PORT"),
}


MONITOR_PORTS_APART = 100


def service_ports(services: Iterable[str], settings: LocalSettings) -> dict[str, int]:
    """Port by program name."""
    single = {
        "gateway": settings.gateway_port,
        "console": settings.console_port,
    }
    ports: dict[str, int] = {}
    for service in services:
        if service == "router":
            ports |= {router_name(i): settings.router_port + i for i in range(settings.routers)}
        elif service == "monitor":
            ports |= {monitor_name(i): monitor_port(settings, i) for i in range(settings.monitors)}
        elif service == "features":
            ports |= {worker_name(service, i): settings.features_port + i for i in range(settings.features_workers)}
        elif service == "jobs":
            ports |= {worker_name(service, i): settings.jobs_port + i for i in range(settings.jobs_workers)}
        else:
            ports[service] = single[service]
    return ports


def chosen_ports(settings: LocalSettings) -> set[int]:
    """All that the settings name, whether or not a program listens there yet."""
    advertised = {settings.kafka_advertised_port} if settings.kafka_advertised_port else set()
    return {*service_ports(SERVICES, settings).values(), *advertised}


def router_name(index: int) -> str:
    return f"router-{index}"


def monitor_name(index: int) -> str:
    """The first one keeps the plain name: the gateway asks it."""
    return f"monitor-{index}" if index else "monitor"


def worker_name(service: str, index: int) -> str:
    """Of `features` and `jobs`. The first one keeps the plain name: mostly there is no other."""
    return f"{service}-{index}" if index else service


def monitor_port(settings: LocalSettings, index: int) -> int:
    """The next port is the console's."""
    return settings.monitor_port + MONITOR_PORTS_APART * index


def service_program(name: str, port: int, more: Mapping[str, str] | None = None) -> Program:
    """more: of its environment, for this program alone."""
    service = name.partition("-")[0]
    return Program(
        name=name,
        command=[sys.executable, "-m", "services", "serve", service],
        priority=SERVICES[service].priority,
        ready_url=f"http://127.0.0.1:{port}/readyz",
        environment={SERVICES[service].port_setting: str(port), "PYTHONUNBUFFERED": "1", **(more or {})},
        is_service=True,
    )


def program_section(program: Program, log: Path) -> str:
    """autostart is for infrastructure only: services wait for topics and migrations."""
    lines = [
        f"[program:{program.name}]",
        f"command={escaped(shlex.join(program.command))}",
        f"priority={program.priority}",
        f"autostart={str(not program.is_service).lower()}",
        "autorestart=true",
        "startsecs=1",
        "startretries=30",
        f"stopsignal={program.stop_signal}",
        "stopwaitsecs=30",
        "killasgroup=true",
        f"stdout_logfile={escaped(str(log))}",
        "stdout_logfile_maxbytes=10MB",
        "stdout_logfile_backups=3",
        "redirect_stderr=true",
    ]
    lines += [f"user={program.user}"] if program.user else []
    lines += [f"directory={program.directory}"] if program.directory else []
    values = ",".join(f'{name}="{escaped(value)}"' for name, value in program.environment.items())
    lines += [f"environment={values}"] if values else []
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    return text.replace("%", "%%")
