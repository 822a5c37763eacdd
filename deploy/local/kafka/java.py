"""Finds Java 17 or newer, and Maven where jars must be fetched; installs them where this user may."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from deploy.local.failure import LocalRunError
from deploy.local.progress import say, step

MINIMUM_JAVA = 17
PACKAGES = {"java": "default-jre-headless", "mvn": "maven"}


def find_java(environment: Mapping[str, str]) -> str | None:
    home = environment.get("JAVA_HOME")
    candidates = [str(Path(home, "bin", "java"))] if home else []
    on_path = shutil.which("java", path=environment.get("PATH"))
    candidates += [on_path] if on_path else []
    return next((java for java in candidates if (java_major(_version_text(java)) or 0) >= MINIMUM_JAVA), None)


def java_major(version_text: str) -> int | None:
    """Reads both `17.0.15` and the `1.8.0_402` of old."""
    found = re.search(r'version "(?:1\.)?(\d+)', version_text)
    return int(found.group(1)) if found else None


def install(tools: list[str], environment: Mapping[str, str]) -> None:
    """Raises LocalRunError with the command to run when it is not ours to install, or fails."""
    packages = [PACKAGES[tool] for tool in tools]
    command = f"apt-get update && apt-get install -y {' '.join(packages)}"
    missing = " and ".join({"java": f"Java {MINIMUM_JAVA} or newer", "mvn": "Maven"}[tool] for tool in tools)
    if not shutil.which("apt-get", path=environment.get("PATH")):
        raise LocalRunError(f"{missing} was not found; install it with your package manager.")
    if os.geteuid() != 0:
        raise LocalRunError(f"{missing} was not found; install it with: sudo sh -c '{command}'")
    say(f"{missing} was not found; installing {' '.join(packages)}.")
    _apt(["update"], environment)
    _apt(["install", "-y", "--no-install-recommends", *packages], environment)


def _apt(arguments: list[str], environment: Mapping[str, str]) -> None:
    name = f"apt-get {' '.join(arguments)}"
    with step(name):
        done = subprocess.run(
            ["apt-get", *arguments],
            env={**environment, "DEBIAN_FRONTEND": "noninteractive"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise LocalRunError(f"`{name}` failed: {(done.stderr or done.stdout).strip()[-500:]}")


def _version_text(java: str) -> str:
    try:
        return subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    except OSError:
        return ""
