"""Run git so that it does one thing and nothing else: no configuration but ours, nobody to ask, a size and a time."""

import asyncio
import contextlib
import os
import resource
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_WATCH_EVERY_S = 0.2
_MEMORY_BYTES = 2_000_000_000  # of address space; a small pack can be made to unfold to anything
_STDERR_BYTES = 8_000
_CHUNK = 64 * 1024
_PASSED_ON = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_EXEC_PATH", "TMPDIR")

# For every call. Alternates of dumb servers and redirects are both refused by http.followRedirects.
_ALWAYS = {
    "http.followRedirects": "false",
    "http.proxy": "",
    "http.sslVerify": "true",
    "http.saveCookies": "false",
    "protocol.allow": "never",
    "protocol.version": "2",
    "credential.helper": "",
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.symlinks": "false",
    "core.askPass": "",
    "core.bigFileThreshold": "1m",
    "submodule.recurse": "false",
    "transfer.bundleURI": "false",
    "fetch.unpackLimit": "1",
    "pack.threads": "1",
    "gc.auto": "0",
    "maintenance.auto": "false",
}


class TooLargeError(Exception):
    """More than was allowed, on disk or as output."""


class Finished(NamedTuple):
    code: int
    stdout: bytes
    stderr: str


class Git:
    """Git in one directory, as one user without a home."""

    def __init__(self, directory: Path, settings: Mapping[str, str], schemes: Sequence[str]) -> None:
        self._directory = directory
        self._settings = _ALWAYS | {f"protocol.{scheme}.allow": "always" for scheme in schemes} | dict(settings)
        self._environment = _environment(directory, schemes)

    async def run(
        self, *arguments: str, stdin: bytes = b"", max_stdout: int = 1_000_000, max_disk: int | None = None
    ) -> Finished:
        """Ends with the process, whatever happens: when it is cut short, all that it started is killed.

        Raises TooLargeError when the directory grows beyond max_disk, or the output beyond max_stdout.
        """
        try:
            async with self._process(arguments, max_disk) as process, asyncio.TaskGroup() as group:
                group.create_task(_write(process, stdin))
                stdout = group.create_task(_read(process.stdout, max_stdout))
                stderr = group.create_task(_read_end(process.stderr))
                if max_disk is not None:
                    group.create_task(self._watch(process, max_disk))
                code = await process.wait()
        except ExceptionGroup as errors:
            if errors.subgroup(TooLargeError):
                raise TooLargeError from None
            raise
        return Finished(code, stdout.result(), stderr.result())

    @contextlib.asynccontextmanager
    async def _process(self, arguments: Sequence[str], max_disk: int | None) -> AsyncIterator[Process]:
        options = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        process = await asyncio.create_subprocess_exec(
            "git", *options, *arguments,
            cwd=self._directory, env=self._environment, start_new_session=True,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _confine(process.pid, max_disk)
        try:
            yield process
        finally:
            _kill_group(process)
            await asyncio.shield(_ended(process))

    async def _watch(self, process: Process, max_disk: int) -> None:
        while process.returncode is None:
            if await asyncio.to_thread(_size, self._directory) > max_disk:
                raise TooLargeError
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _WATCH_EVERY_S)
        if await asyncio.to_thread(_size, self._directory) > max_disk:
            raise TooLargeError


def _environment(directory: Path, schemes: Sequence[str]) -> dict[str, str]:
    """Nothing of ours but where programs and certificates are: no proxy, no agent, no home."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed_on | {
        "HOME": str(directory),
        "XDG_CONFIG_HOME": str(directory),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ALLOW_PROTOCOL": ":".join(schemes),
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }


def _confine(pid: int, max_disk: int | None) -> None:
    """Holds for all that the process starts from now on. Where the system cannot, the watch alone has to do."""
    if not hasattr(resource, "prlimit"):
        return
    with contextlib.suppress(ProcessLookupError, PermissionError, ValueError):
        resource.prlimit(pid, resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        if max_disk is not None:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (max_disk, max_disk))


def _kill_group(process: Process) -> None:
    """The process leads a group of its own, so that its helpers end with it. One that has ended has left its number
    to others."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


async def _ended(process: Process) -> None:
    """What nobody reads is read away: a process counts as ended only when its output was read to the end."""
    async with asyncio.TaskGroup() as group:
        for output in (process.stdout, process.stderr):
            group.create_task(_read_end(output))
        group.create_task(process.wait())


async def _write(process: Process, data: bytes) -> None:
    if process.stdin is None:
        return
    # A git that has ended reads no more; uvloop says so with a RuntimeError.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, RuntimeError):
        process.stdin.write(data)
        await process.stdin.drain()
    process.stdin.close()


async def _read(stream: asyncio.StreamReader | None, limit: int) -> bytes:
    parts, size = [], 0
    while stream is not None and (chunk := await stream.read(_CHUNK)):
        size += len(chunk)
        if size > limit:
            raise TooLargeError
        parts.append(chunk)
    return b"".join(parts)


async def _read_end(stream: asyncio.StreamReader | None) -> str:
    """The end of a stream: a server may send as much as it likes."""
    kept = b""
    while stream is not None and (chunk := await stream.read(_CHUNK)):
        kept = (kept + chunk)[-_STDERR_BYTES:]
    return kept.decode(errors="replace")


def _size(directory: Path) -> int:
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):  # git renames its files
                total += (Path(folder) / name).lstat().st_size
    return total
