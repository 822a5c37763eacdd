"""Environments of the peers: made once, found again by what they hold."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.local.failure import LocalRunError
from deploy.local.progress import step

_REQUIREMENTS = Path(__file__).parent / "requirements"
_INSTALL_S = 900.0
_SHOWN = 5  # lines of an error


def installed(name: str) -> Path:
    """The environment with what `requirements/<name>.txt` pins; complete when it is there. Raises LocalRunError."""
    requirements = _REQUIREMENTS / f"{name}.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    place = cache() / f"{name}-{digest}"
    complete = place / "complete"
    if not complete.exists():
        shutil.rmtree(place, ignore_errors=True)
        with step(f"install {name} into {place}"):
            run_tool([sys.executable, "-m", "venv", str(place)])
            run_tool(
                [
                    str(place / "bin" / "pip"),
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    "-r",
                    str(requirements),
                ]
            )
        complete.touch()
    return place


def pinned_requirement(name: str) -> str:
    """`name==version`, of a peer that has the name of its package."""
    lines = (_REQUIREMENTS / f"{name}.txt").read_text().splitlines()
    return next(line for line in lines if line.startswith(f"{name}=="))


def cache() -> Path:
    """Code is run from there: it must be ours alone."""
    place = Path(tempfile.gettempdir(), f"tallygate-peers-{os.getuid()}")
    place.mkdir(mode=0o700, exist_ok=True)
    if place.is_symlink() or place.stat().st_uid != os.getuid():
        raise LocalRunError(f"{place} belongs to another user; remove it, or set another TMPDIR")
    place.chmod(0o700)
    return place


def run_tool(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_S, check=False)
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-_SHOWN:])
        raise LocalRunError(f"`{' '.join(command)}` failed:\n{said}")
