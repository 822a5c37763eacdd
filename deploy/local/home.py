"""The paths under TALLYGATE_HOME, and the lock that keeps two runs out of one home."""

import fcntl
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deploy.local.failure import LocalRunError
from deploy.local.keyfiles import write_private


@dataclass(frozen=True)
class Home:
    path: Path

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def kafka(self) -> Path:
        return self.path / "kafka"

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def keys(self) -> Path:
        return self.path / "keys"

    @property
    def signing_keys(self) -> Path:
        return self.path / "signing.keys"

    @property
    def admin_key(self) -> Path:
        return self.path / "admin.key"

    @property
    def postgres_password(self) -> Path:
        return self.path / "postgres.password"

    @property
    def environment(self) -> Path:
        """What the running services were given, for `env` and the `tallygate` commands; 0600, it holds secrets."""
        return self.path / "environment.json"

    @property
    def owner(self) -> Path:
        """`foreground` or `background`: whether what runs here should outlive the command that started it."""
        return self.path / "owner"

    @property
    def runtime(self) -> Path:
        """Sockets lie here: a socket path may have 107 characters, a home may have more."""
        short = hashlib.sha256(str(self.path).encode()).hexdigest()[:12]
        return Path("/tmp") / f"tallygate-{os.getuid()}-{short}"  # noqa: S108 - ours alone, checked in create()

    @property
    def socket(self) -> Path:
        return self.runtime / "supervisor.sock"

    @property
    def socket_link(self) -> Path:
        """Leads to the socket, for commands that only know the home: who can connect knows that the run goes on."""
        return self.path / "supervisor.sock"

    def log(self, program: str) -> Path:
        return self.logs / f"{program}.log"

    def create(self) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        self.runtime.mkdir(mode=0o700, exist_ok=True)
        if self.runtime.is_symlink() or self.runtime.stat().st_uid != os.getuid():
            raise LocalRunError(f"{self.runtime} belongs to another user; remove it, or set another TALLYGATE_HOME")
        self.runtime.chmod(0o700)
        self.socket_link.unlink(missing_ok=True)
        self.socket_link.symlink_to(self.socket)

    def lock(self) -> IO[str] | None:
        """None when another process holds it. The kernel releases it when its holder dies."""
        file = (self.path / "lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return file


def load_json(path: Path) -> dict[str, str]:
    return {str(k): str(v) for k, v in json.loads(path.read_text()).items()} if path.exists() else {}


def save_json(path: Path, values: dict[str, str]) -> None:
    write_private(path, json.dumps(values, indent=2) + "\n")
