"""The whole of Tallygate on this machine: `up()`, `down()`, and the single programs in between.

Nothing is global and every port comes from the environment that is passed in, so several stacks can run side by
side, each in its own home. The commands, the tour and the tests use the same class.
"""

import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deploy.local.environment import service_environment, url
from deploy.local.failure import LocalRunError, with_log
from deploy.local.home import Home, load_json, save_json
from deploy.local.infrastructure import Infrastructure, prepare_infrastructure
from deploy.local.keyfiles import new_admin_key, new_key_ring, new_signing_keys, read_or_create
from deploy.local.postgres_places import remove_data
from deploy.local.preflight import check_ports, check_removable, take_home
from deploy.local.programs import Program, router_name, service_ports, service_program
from deploy.local.progress import step
from deploy.local.readiness import http_not_ready
from deploy.local.schema_steps import apply_topics_and_migrations
from deploy.local.settings import LocalSettings, read_settings
from deploy.local.supervisor import Supervisor
from deploy.local.supervisor_rpc import ProgramStatus
from deploy.local.waiting import Check, NotReady, wait_until

DEFAULT_SERVICES = ("gateway", "router", "monitor", "features", "jobs", "console")
INFRASTRUCTURE_TIMEOUT_S = 60.0
SERVICE_TIMEOUT_S = 60.0
EXTERNAL_TIMEOUT_S = 15.0  # the user's own broker and database run already, or they do not


@dataclass(frozen=True)
class Running:
    """A service that this stack does not have is None."""

    gateway: str | None
    monitor: str | None
    console: str | None
    admin_key_file: str


class Stack:
    """by_program: of the environment, what a single service gets besides; by its name, as `router-0`."""

    def __init__(
        self,
        home: Path,
        environment: Mapping[str, str],
        services: Sequence[str] = DEFAULT_SERVICES,
        by_program: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.home = Home(home.absolute())
        self.settings: LocalSettings = read_settings(environment)
        self._user = dict(environment)
        self._services = tuple(services)
        self._by_program = by_program or {}
        self._supervisor = Supervisor(self.home)
        self._programs: list[Program] = []
        self._checks: dict[str, Check] = {}
        self._lock: IO[str] | None = None

    def up(self, *, foreground: bool = True) -> Running:
        """Returns when everything is ready. When it fails, or is interrupted, nothing is left running.

        `foreground`: the stack belongs to this process, and a later run may clear it away when this one was killed.
        """
        self._lock = take_home(self.home, self._supervisor)
        try:
            check_ports(service_ports(self._services, self.settings))
            self.home.owner.write_text("foreground" if foreground else "background")
            self._start_everything()
        except BaseException:
            self.down()
            raise
        if not foreground:
            self._release()
        return self.running()

    def down(self) -> None:
        """Also stops what another process has started in this home. Nothing running is no error."""
        self.home.environment.unlink(
            missing_ok=True
        )  # first: by its absence a run in the foreground knows that it was stopped on purpose
        self._supervisor.stop()
        self._release()

    def remove(self) -> None:
        """Stops, and deletes the home with all its data, also what of it lies elsewhere."""
        check_removable(self.home)
        self.down()
        remove_data(self.home)
        shutil.rmtree(self.home.path, ignore_errors=True)
        shutil.rmtree(self.home.runtime, ignore_errors=True)

    def wait_stopped(self) -> None:
        """Returns when another process has called `down`; raises when the supervisor has ended by itself."""
        while not self._supervisor.ended():
            time.sleep(0.2)
        if self.home.environment.exists():
            raise with_log("The process supervisor has ended.", self.home.log("supervisord"))

    def status(self) -> list[ProgramStatus]:
        """Empty when nothing runs."""
        return self._supervisor.status()

    def environment(self) -> dict[str, str]:
        """What the running services were given, as another process may read it too; empty when nothing runs."""
        return load_json(self.home.environment)

    def running(self) -> Running:
        given = self.environment()
        return Running(
            gateway=url(given["TALLYGATE_PORT"]) if "gateway" in self._services else None,
            monitor=url(given["TALLYGATE_MONITOR_PORT"]) if "monitor" in self._services else None,
            console=url(given["TALLYGATE_CONSOLE_PORT"]) if "console" in self._services else None,
            admin_key_file=given["TALLYGATE_ADMIN_KEY_FILE"],
        )

    def pid(self, name: str) -> int:
        """0 when it does not run."""
        return self._supervisor.program(_program_name(name)).pid

    def start_program(self, name: str) -> None:
        """Does not wait until it is ready: see wait_ready()."""
        self._supervisor.start_program(_program_name(name))

    def stop_program(self, name: str) -> None:
        """Ends it as `down` would, and it stays down until started."""
        self._supervisor.stop_program(_program_name(name))

    def signal_program(self, name: str, number: signal.Signals) -> None:
        """A program that dies of it is restarted by the supervisor."""
        self._supervisor.signal_program(_program_name(name), number)

    def wait_ready(self, name: str, timeout_s: float = SERVICE_TIMEOUT_S) -> None:
        """For a service, or for `kafka` or `postgres`, also while it is being restarted."""
        self._wait(_program_name(name), timeout_s, ended=("FATAL",))

    def add_router(self) -> str:
        """The name of the new router; ready when it returns."""
        taken = {program.name for program in self._programs}
        index = next(i for i in range(len(taken) + 1) if router_name(i) not in taken)
        name, port = router_name(index), self.settings.router_port + index
        check_ports({name: port})
        program = service_program(name, port, self._by_program.get(name))
        self._programs.append(program)
        self._checks |= _service_checks([program])
        self._supervisor.add_program(name, self._programs)
        self._supervisor.start_program(name)
        self.wait_ready(name)
        return name

    def remove_router(self, index: int) -> None:
        """SIGTERM, and gone when it returns."""
        self._programs = [program for program in self._programs if program.name != router_name(index)]
        self._supervisor.remove_program(router_name(index), self._programs)

    def _start_everything(self) -> None:
        infrastructure = prepare_infrastructure(self.home, self.settings, self._user)
        given = self._service_environment(infrastructure)
        ports = service_ports(self._services, self.settings)
        services = [service_program(name, port, self._by_program.get(name)) for name, port in ports.items()]
        self._programs = [*infrastructure.programs, *services]
        self._checks = {**infrastructure.checks, **_service_checks(services)}
        self._supervisor.start(self._programs, {**self._user, **given})
        save_json(self.home.environment, given)
        self._wait_all(infrastructure.checks, INFRASTRUCTURE_TIMEOUT_S)
        if services:
            apply_topics_and_migrations({**self._user, **given})
            for program in services:
                self._supervisor.start_program(program.name)
            self._wait_all([program.name for program in services], SERVICE_TIMEOUT_S)

    def _service_environment(self, infrastructure: Infrastructure) -> dict[str, str]:
        if not self._user.get("TALLYGATE_ADMIN_KEY_FILE"):
            read_or_create(self.home.admin_key, new_admin_key)
        return service_environment(
            self._user,
            self.settings,
            home=self.home.path,
            kafka_bootstrap_servers=infrastructure.kafka_bootstrap_servers,
            database_url=infrastructure.database_url,
            keys=self._user.get("TALLYGATE_KEYS") or read_or_create(self.home.keys, new_key_ring),
            signing_keys=self._user.get("TALLYGATE_SIGNING_KEYS")
            or read_or_create(self.home.signing_keys, new_signing_keys),
        )

    def _wait_all(self, names: Sequence[str] | Mapping[str, Check], timeout_s: float) -> None:
        for name in names:
            patience_s = timeout_s if self._owns(name) else EXTERNAL_TIMEOUT_S
            self._wait(name, patience_s, ended=("BACKOFF", "EXITED", "FATAL"))

    def _wait(self, name: str, timeout_s: float, ended: Sequence[str]) -> None:
        def check_alive() -> str | None:
            self._raise_if(name, ended)
            return self._checks[name]()

        with step(f"wait for {name}") as status:
            try:
                wait_until(check_alive, timeout_s, lambda reason: status.update(f"{name}: {reason}"))
            except NotReady as reason:
                raise self._failure(name, f"{name} is {reason}") from None

    def _failure(self, name: str, sentence: str) -> LocalRunError:
        return with_log(sentence, self.home.log(name)) if self._owns(name) else LocalRunError(sentence)

    def _owns(self, name: str) -> bool:
        return any(program.name == name for program in self._programs)

    def _raise_if(self, name: str, ended: Sequence[str]) -> None:
        with suppress(StopIteration):  # the user's own broker or database is none of our programs
            program = self._supervisor.program(name)
            if program.state in ended:
                raise with_log(f"{name} has ended: {program.detail}.", self.home.log(name))

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _service_checks(programs: Sequence[Program]) -> dict[str, Check]:
    return {p.name: _ready_check(p.ready_url) for p in programs if p.ready_url is not None}


def _ready_check(ready_url: str) -> Check:
    return lambda: http_not_ready(ready_url)


def _program_name(name: str) -> str:
    """`router` and `router:1` are understood too."""
    return router_name(0) if name == "router" else name.replace(":", "-")
