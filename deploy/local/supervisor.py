"""Drives the `supervisor` package, which keeps the programs running."""

import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable, Mapping

from deploy.local import leftovers
from deploy.local.failure import LocalRunError, with_log
from deploy.local.home import Home
from deploy.local.keyfiles import write_private
from deploy.local.programs import Program
from deploy.local.supervisor_config import supervisor_config
from deploy.local.supervisor_rpc import ProgramStatus, SupervisorRpc
from deploy.local.waiting import NotReady, wait_until

START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 150.0  # five programs, one after the other, each within its stopwaitsecs


class Supervisor:
    def __init__(self, home: Home) -> None:
        self._home = home
        self._rpc = SupervisorRpc(home.socket)
        self._process: subprocess.Popen[bytes] | None = None

    def running(self) -> bool:
        return self._rpc.answers()

    def start(self, programs: Iterable[Program], environment: Mapping[str, str]) -> None:
        config = self.write_config(programs)
        with self._home.log("supervisord").open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-c", config],
                env={**environment, leftovers.MARK: str(self._home.path)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C in the terminal is for the command in the foreground only
            )
        try:
            wait_until(self._not_answering, START_TIMEOUT_S)
        except NotReady as reason:
            raise with_log(f"The process supervisor is {reason}.", self._home.log("supervisord")) from None

    def write_config(self, programs: Iterable[Program]) -> str:
        path = self._home.path / "supervisord.conf"
        write_private(path, supervisor_config(self._home, programs))
        return str(path)

    def stop(self) -> None:
        """Ends every program in reverse order of priority, then whatever of this home may be left."""
        if self.running():
            self._rpc.call("shutdown")
            self._wait_gone()
        leftovers.end_marked_processes(self._home.path)
        if self._process is not None:
            self._process.wait(timeout=5)
            self._process = None

    def status(self) -> list[ProgramStatus]:
        return self._rpc.status() if self.running() else []

    def program(self, name: str) -> ProgramStatus:
        try:
            return next(status for status in self._rpc.status() if status.name == name)
        except OSError:
            raise self._ended() from None

    def start_program(self, name: str) -> None:
        self._rpc.call("startProcess", name, False)

    def stop_program(self, name: str) -> None:
        self._rpc.call("stopProcess", name, True)

    def signal_program(self, name: str, number: signal.Signals) -> None:
        self._rpc.call("signalProcess", name, str(int(number)))

    def add_program(self, name: str, programs: Iterable[Program]) -> None:
        """`programs` is the whole new list: supervisord reads them from its file."""
        self.write_config(programs)
        self._rpc.call("reloadConfig")
        self._rpc.call("addProcessGroup", name)

    def remove_program(self, name: str, programs: Iterable[Program]) -> None:
        try:
            self.stop_program(name)
        except xmlrpc.client.Fault as fault:
            if "NOT_RUNNING" not in fault.faultString:
                raise
        self._rpc.call("removeProcessGroup", name)
        self.write_config(programs)
        self._rpc.call("reloadConfig")

    def ended(self) -> bool:
        """Of the supervisor that this process has started."""
        return self._process is None or self._process.poll() is not None

    def _ended(self) -> LocalRunError:
        return with_log("The process supervisor has ended.", self._home.log("supervisord"))

    def _not_answering(self) -> str | None:
        if self.ended():
            raise self._ended()
        return None if self.running() else "it does not answer"

    def _wait_gone(self) -> None:
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while leftovers.marked_processes(self._home.path) and time.monotonic() < deadline:
            if self._process is not None:
                self._process.poll()  # reaps it: a zombie would count as a running process
            time.sleep(0.1)
