"""Clone a repository that a tenant names, from where it may be reached and no further."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from services.features.codegen.reading.found import Found
from services.features.codegen.reading.git_failures import git_failure, unreachable
from services.features.codegen.reading.git_objects import files_of
from services.features.codegen.reading.git_process import Git, TooLargeError
from services.features.codegen.reading.git_url import INSTEAD, Remote, check_ref, invalid, parse_remote
from services.features.codegen.reading.git_version import INSTALL, git_refusal
from services.features.codegen.source import GitSource, ReadLimits, too_large
from shared.errors import TallygateError
from shared.guard import ForbiddenAddressError, Guard
from shared.guard.ranges import parsed


class Cloned(NamedTuple):
    """found: the files of `commit`, a whole commit id that can be asked for again. name: of the repository."""

    found: Found
    commit: str
    name: str


async def clone(source: GitSource, limits: ReadLimits, guard: Guard) -> Cloned:
    """Raises TallygateError: invalid_request, endpoint_forbidden, endpoint_unreachable, tls_failed, read_timeout,
    payload_too_large, or unavailable where there is no git that may be used."""
    remote, ref = parse_remote(source.url), check_ref(source.ref)
    if (refusal := await asyncio.to_thread(git_refusal)) is not None:
        title = "No repository can be cloned here"
        raise TallygateError("unavailable", refusal, title=title, tips=(f"Operators: {INSTALL}", INSTEAD))
    try:
        async with asyncio.timeout(limits.clone_timeout_s):
            addresses = await _checked_addresses(remote, guard)
            with tempfile.TemporaryDirectory(prefix="tallygate-clone-", ignore_cleanup_errors=True) as directory:
                return await _cloned(Path(directory), remote, ref, addresses, limits)
    except TimeoutError:
        detail = f"{remote.name} could not be cloned within {limits.clone_timeout_s:g} seconds"
        title = "The repository could not be read in time"
        raise TallygateError("read_timeout", detail, title=title, tips=("Try again.", INSTEAD)) from None


async def _cloned(directory: Path, remote: Remote, ref: str, addresses: Sequence[str], limits: ReadLimits) -> Cloned:
    git = Git(directory, _pinned(remote, addresses), (remote.scheme,))
    await git.run("init", "--quiet", "--bare", "--template=", ".")
    try:
        fetched = await git.run(
            "fetch", "--quiet", f"--depth={limits.clone_depth}", "--no-tags", "--no-recurse-submodules",
            "--no-write-commit-graph", "--", remote.url, ref, max_disk=limits.max_clone_bytes,
        )  # fmt: skip
    except TooLargeError:
        raise too_large(f"{remote.name} is larger than {limits.max_clone_bytes} bytes") from None
    if fetched.code:
        raise git_failure(remote, ref, fetched.stderr)
    commit = await git.run("rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}")
    if commit.code:
        raise invalid(f"{remote.name}: {ref} is no commit")
    commit_id = commit.stdout.decode().strip()
    return Cloned(await files_of(git, commit_id, limits), commit_id, remote.name)


def _pinned(remote: Remote, addresses: Sequence[str]) -> dict[str, str]:
    """Only what was checked is dialled: the name is not looked up a second time."""
    if parsed(remote.host) is not None:
        return {}
    dialled = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
    return {"http.curloptResolve": f"{remote.host}:{remote.port}:{dialled}"}


async def _checked_addresses(remote: Remote, guard: Guard) -> list[str]:
    try:
        addresses = await guard.addresses(remote.host, remote.port)
    except ForbiddenAddressError as error:
        detail = f"repo: {remote.host} may not be called: {error}"
        tips = ("Use a repository with a public address.", INSTEAD)
        raise TallygateError("endpoint_forbidden", detail, http_status=400, tips=tips) from None
    except OSError:  # TimeoutError is one, but only asyncio.timeout raises it, outside
        raise unreachable(remote, "its host name cannot be resolved") from None
    if remote.scheme == "http" and not all(_is_allowed(address, guard) for address in addresses):
        raise invalid("repo must be an https:// URL: plain http is for networks that the operator allowed")
    return addresses


def _is_allowed(address: str, guard: Guard) -> bool:
    found = parsed(address)
    return found is not None and any(found in network for network in guard.allowed)
