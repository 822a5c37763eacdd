"""Runs the operator's own command (a formatter, tests) on the repository with the draft in it. Off unless allowed.

What is run was written by a model: it gets a copy, a file system of its own with little in it, no network, no secrets,
limits of time, memory and disk; where such a sandbox cannot be had, nothing is run, and that is the finding.
"""

import asyncio
import os
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from services.features.codegen.check.sandbox import NOT_BUILT, SCRIPT
from services.features.codegen.paths import safe_path
from services.features.codegen.values import Draft, Finding, Repository

OUTPUT_BYTES = 64 * 1024  # kept of what a command prints: its end, where the errors are
SHOWN_CHARACTERS = 2_000
PROBE_TIMEOUT_S = 10.0
MAX_PROCESSES = 128
MAX_OPEN_FILES = 256
MAX_FILE_BYTES = 64 * 1024**2  # of one file, and so of what is printed

_NAMESPACES = ("--user", "--map-root-user", "--net", "--ipc", "--mount", "--pid", "--fork", "--kill-child")
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/work", "LC_ALL": "C.UTF-8"}
_CONTROL = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]|[^\x20-\x7e\n\t\u00a0-\uffff]")


@dataclass(frozen=True, slots=True)
class ExecutionPolicy:
    """command: as a shell would split it, no shell runs it. tools: folders beside /usr that it needs, read-only.
    memory_bytes: of each process, and of all files together."""

    allowed: bool = False
    command: str | Sequence[str] = ()
    timeout_s: float = 60.0
    memory_bytes: int = 1024**3
    kind: Literal["test", "format"] = "test"
    tools: tuple[str, ...] = ()


async def execute(policy: ExecutionPolicy, draft: Draft, repository: Repository) -> tuple[Finding, ...]:
    """Empty when it is not allowed, or when the command ended with 0."""
    return await asyncio.to_thread(run, policy, draft, repository)


def run(policy: ExecutionPolicy, draft: Draft, repository: Repository) -> tuple[Finding, ...]:
    command = shlex.split(policy.command) if isinstance(policy.command, str) else list(policy.command)
    if not policy.allowed or not command:
        return ()
    with tempfile.TemporaryDirectory(prefix="tallygate-run-") as folder:
        source = Path(folder, "source")
        _write(source, draft, repository)
        try:
            status, output = _run(policy, command, Path(folder), source)
        except (OSError, ValueError) as error:
            return (_not_run(policy, f"{type(error).__name__}: {error}"),)
    return _findings(policy, status, output)


def refusal() -> str | None:
    """Why nothing can be run on this machine, for a service to say when it starts; None when all is there."""
    policy = ExecutionPolicy(allowed=True, command=("/usr/bin/true",), timeout_s=PROBE_TIMEOUT_S)
    found = run(policy, Draft(()), Repository({}))
    return found[0].message if found else None


def _write(folder: Path, draft: Draft, repository: Repository) -> None:
    folder.mkdir()
    texts = {**repository.files, **{file.path: file.content for file in draft.files}}
    for path, text in texts.items():
        safe = safe_path(path)
        if not isinstance(safe, str):
            continue
        target = folder / safe
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode(errors="replace"))
        except OSError:
            continue  # a path that this file system cannot hold; the command will miss it


def _run(policy: ExecutionPolicy, command: list[str], folder: Path, source: Path) -> tuple[int | None, str]:
    """The status, None when the time was over, and the end of what was printed."""
    root = folder / "root"
    root.mkdir()
    limits = [
        f"--as={policy.memory_bytes}", f"--fsize={MAX_FILE_BYTES}", f"--cpu={max(1, int(policy.timeout_s) + 1)}",
        f"--nproc={MAX_PROCESSES}", f"--nofile={MAX_OPEN_FILES}", "--core=0",
    ]  # fmt: skip
    sandbox = [
        "/bin/sh",
        "-c",
        SCRIPT,
        "sandbox",
        str(root),
        str(source),
        str(policy.memory_bytes),
        *policy.tools,
        "--",
    ]
    with tempfile.TemporaryFile(dir=folder) as output:
        process = subprocess.Popen(
            ["unshare", *_NAMESPACES, "prlimit", *limits, *sandbox, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_ENVIRONMENT,
            cwd=folder,
            start_new_session=True,
        )
        status: int | None
        try:
            status = process.wait(policy.timeout_s)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _kill(process)
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - OUTPUT_BYTES))
        return status, output.read().decode(errors="replace")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The whole group; and with unshare its first process, so that none is left that made a session of its own."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _findings(policy: ExecutionPolicy, status: int | None, output: str) -> tuple[Finding, ...]:
    said = _CONTROL.sub("", output).strip()[-SHOWN_CHARACTERS:]
    if status == 0:
        return ()
    if status is None:
        return (Finding("", policy.kind, f"the command did not end within {policy.timeout_s:g} s. {said}".strip()),)
    if status == NOT_BUILT or (status != 0 and said.startswith(("unshare:", "prlimit:"))):
        return (_not_run(policy, said),)
    return (Finding("", policy.kind, f"the command ended with status {status}: {said or 'it printed nothing'}"),)


def _not_run(policy: ExecutionPolicy, reason: str) -> Finding:
    return Finding("", policy.kind, f"the command was not run, because there is no sandbox for it here: {reason}")
