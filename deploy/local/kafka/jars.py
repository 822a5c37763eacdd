"""Kafka's jars: fetched once by Maven into a cache that all homes share."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.local.failure import LocalRunError
from deploy.local.progress import say, step

POM = Path(__file__).with_name("pom.xml")


def kafka_version(pom: str) -> str:
    found = re.search(r"<kafka\.version>([^<]+)</kafka\.version>", pom)
    if found is None:
        raise LocalRunError(f"{POM} names no kafka.version")
    return found.group(1)


def jars_folder(cache: Path, home: Path) -> Path:
    """The cache where it can be written or already has the jars, else the home."""
    name = f"kafka-{kafka_version(POM.read_text())}"
    return cache / name if (cache / name).is_dir() or _writable(cache) else home / name


def fetch_jars(folder: Path, environment: Mapping[str, str]) -> None:
    """Copies beside the folder and renames it at the end, so that a folder that is there is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        with step(f"fetch {folder.name} by Maven") as status:
            _copy_dependencies(partial, environment, lambda count: status.update(f"{count} files fetched ..."))
        partial.chmod(0o755)
        _move(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    say(f"  the jars are kept in {folder}")


def _copy_dependencies(target: Path, environment: Mapping[str, str], on_count: Callable[[int], None]) -> None:
    command = ["mvn", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={target}"]
    # Maven's output is shown as progress; its last lines are kept for the error message.
    with subprocess.Popen(
        command, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as maven:
        lines: list[str] = []
        for line in maven.stdout or ():
            lines.append(line.rstrip())
            on_count(sum("Downloaded" in each for each in lines))
    if maven.returncode:
        errors = [line for line in lines if "ERROR" in line][:3] or lines[-3:]
        raise LocalRunError("Maven could not fetch Kafka's jars: " + " ".join(errors))


def _move(partial: Path, folder: Path) -> None:
    try:
        partial.rename(folder)
    except OSError:
        if not folder.is_dir():  # another home may have finished first
            raise


def _writable(cache: Path) -> bool:
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(cache, os.W_OK)
