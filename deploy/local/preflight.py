"""Checks before anything is started."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from deploy.local import leftovers
from deploy.local.failure import LocalRunError
from deploy.local.home import Home
from deploy.local.ports import is_free, port_in_use, port_owner
from deploy.local.programs import SERVICES
from deploy.local.progress import say
from deploy.local.supervisor import Supervisor


def take_home(home: Home, supervisor: Supervisor) -> IO[str]:
    """Takes the lock on the home, and ends the processes that a killed run has left."""
    home.create()
    lock = home.lock()
    if lock is None:
        raise already_running(home)
    if supervisor.running() and home.owner.exists() and home.owner.read_text() == "background":
        lock.close()
        raise already_running(home)
    if leftovers.marked_processes(home.path):
        say(f"An earlier run in {home.path} was killed and left processes behind; stopping them.")
        supervisor.stop()
    return lock


def check_removable(home: Home) -> None:
    """A home that holds other things too (the user's own, or this project) is not ours to delete."""
    if any(place.is_relative_to(home.path) for place in (Path.cwd(), Path.home())):
        raise LocalRunError(f"{home.path} holds more than Tallygate's data; delete what you do not need by hand")


def already_running(home: Home) -> LocalRunError:
    return LocalRunError(
        f"Tallygate is already running in {home.path}; stop it with `make stop`, "
        "or start another one with its own TALLYGATE_HOME and ports"
    )


def check_ports(
    ports: Mapping[str, int], owner: Callable[[int], str | None] = port_owner, free: Callable[[int], bool] = is_free
) -> None:
    """`ports` by program name. Raises LocalRunError that names all taken ports."""
    sentences = []
    for program, port in ports.items():
        if not free(port):
            service, _, index = program.partition("-")
            setting = SERVICES[service].port_setting
            suggestion = port + 100 - int(index or 0)
            while not free(suggestion + int(index or 0)):
                suggestion += 100
            sentences.append(port_in_use(port, setting, owner(port), suggestion))
    if sentences:
        raise LocalRunError("\n".join(sentences))
