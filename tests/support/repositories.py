"""Real open-source repositories, by the package managers of three languages as they are set up on this machine.

They are fetched once and kept below TALLYGATE_CACHE (~/.cache/tallygate).
"""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

_FETCH_S = 120
Files = dict[str, bytes]


def python_repository() -> Files:
    """itsdangerous, as its authors packed it."""

    def fetch(folder: Path) -> Path:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "itsdangerous"]
        _run([*pip, "itsdangerous==2.2.0"], folder)
        return next(folder.glob("*.tar.gz"))

    return _tarred(_kept("itsdangerous-2.2.0.tar.gz", fetch))


def javascript_repository() -> Files:
    """ms"""

    def fetch(folder: Path) -> Path:
        _run([_tool("npm"), "pack", "--silent", "ms@2.1.3"], folder)
        return next(folder.glob("*.tgz"))

    return _tarred(_kept("ms-2.1.3.tgz", fetch))


def go_repository() -> Files:
    """golang.org/x/sync"""

    def fetch(folder: Path) -> Path:
        output = _run([_tool("go"), "mod", "download", "-json", "golang.org/x/sync@v0.7.0"], folder)
        return Path(json.loads(output)["Zip"])

    with zipfile.ZipFile(_kept("golang-x-sync-0.7.0.zip", fetch)) as packed:
        return {name.partition("@")[2].partition("/")[2]: packed.read(name) for name in packed.namelist()}


def tar_gz(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for path, content in files.items():
            entry = tarfile.TarInfo(f"repository/{path}")
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for path, content in files.items():
            packed.writestr(path, content)
    return buffer.getvalue()


def _kept(name: str, fetch: Callable[[Path], Path]) -> Path:
    kept = Path(os.environ.get("TALLYGATE_CACHE") or Path.home() / ".cache" / "tallygate") / "repositories" / name
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            whole = Path(folder) / f"{name}.whole"
            shutil.copyfile(fetch(Path(folder)), whole)
            whole.replace(kept)
    return kept


def _tarred(path: Path) -> Files:
    """Without the one folder that all is in."""
    found: Files = {}
    with tarfile.open(path) as packed:
        for member in packed.getmembers():
            if (content := packed.extractfile(member)) is not None:
                found[member.name.partition("/")[2]] = content.read()
    return found


def _tool(name: str) -> str:
    found = shutil.which(name)
    return found or pytest.skip(f"{name} is not installed: the repository cannot be fetched")


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_FETCH_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
