"""Cloning with the real git from a server on loopback: what is read, what is refused, and what ends it."""

import asyncio
import ipaddress
import random
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.features.codegen.reading import read
from services.features.codegen.reading.clone import clone
from services.features.codegen.reading.git_failures import git_failure
from services.features.codegen.reading.git_url import check_ref, parse_remote
from services.features.codegen.source import GitSource, ReadLimits
from shared.errors import Failure, TallygateError
from shared.guard import Guard
from tests.unit.features.codegen.reading.git_server import GitServer, commit, git, make_repository, serving

pytestmark = pytest.mark.timeout(60)

LIMITS = ReadLimits(clone_timeout_s=20)
LOOPBACK = Guard((ipaddress.ip_network("127.0.0.0/8"),))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with serving(tmp_path / "served") as running:
        yield running


@pytest.fixture
def repository(server: GitServer) -> Path:
    directory = make_repository(server.root / "app")
    commit(directory, {"a.py": b"a = 1\n", "src/b.py": b"b = 2\n", "logo.png": b"\x89PNG\0"})
    return directory


async def failure_of(source: GitSource, limits: ReadLimits = LIMITS, guard: Guard = LOOPBACK) -> Failure:
    with pytest.raises(TallygateError) as caught:
        await clone(source, limits, guard)
    return caught.value.failure


async def test_a_repository_is_read_with_its_commit(server: GitServer, repository: Path) -> None:
    read_one, commit_id = await read(GitSource(url=server.url("app/.git")), LIMITS, LOOPBACK)
    assert read_one.files == {"a.py": "a = 1\n", "src/b.py": "b = 2\n"}
    assert read_one.left_out == {"logo.png": "it is binary"}
    assert commit_id == git(repository, "rev-parse", "HEAD")
    assert read_one.origin == f"127.0.0.1:{server.server_address[1]}/app/ at {commit_id[:7]}"


async def test_a_commit_is_read_again_after_the_branch_has_moved(server: GitServer, repository: Path) -> None:
    first = await clone(GitSource(url=server.url("app/.git")), LIMITS, LOOPBACK)
    commit(repository, {"a.py": b"a = 2\n"})
    again = await clone(GitSource(url=server.url("app/.git"), ref=first.commit), LIMITS, LOOPBACK)
    moved = await clone(GitSource(url=server.url("app/.git"), ref="main"), LIMITS, LOOPBACK)
    assert again == first
    assert moved.commit != first.commit
    assert moved.found.files["a.py"] == b"a = 2\n"


async def test_branches_and_tags_are_read(server: GitServer, repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "feature/x")
    there = commit(repository, {"new.py": b"1"})
    git(repository, "tag", "-a", "v1.0", "-m", "one")
    git(repository, "checkout", "-q", "main")
    for ref in ("feature/x", "v1.0"):
        cloned = await clone(GitSource(url=server.url("app/.git"), ref=ref), LIMITS, LOOPBACK)
        assert (cloned.commit, "new.py" in cloned.found.files) == (there, True)


async def test_links_submodules_and_what_needs_a_filter_are_not_followed(server: GitServer, repository: Path) -> None:
    (repository / "passwd").symlink_to("/etc/passwd")
    (repository / "up").symlink_to("..")
    git(repository, "update-index", "--add", "--cacheinfo", "160000," + "1" * 40 + ",sub")
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12\n"
    commit(repository, {".gitattributes": b"*.dat filter=lfs diff=lfs\n", "x.dat": pointer})
    found = (await clone(GitSource(url=server.url("app/.git")), LIMITS, LOOPBACK)).found
    assert found.files["x.dat"] == pointer
    assert found.left_out["passwd"] == found.left_out["up"] == "it is a link"
    assert "b.py" not in found.files


async def test_submodules_are_left_out(server: GitServer, repository: Path) -> None:
    git(repository, "update-index", "--add", "--cacheinfo", "160000," + "1" * 40 + ",sub")
    git(repository, "commit", "-q", "-m", "sub")
    found = (await clone(GitSource(url=server.url("app/.git")), LIMITS, LOOPBACK)).found
    assert found.left_out["sub"] == "it is a submodule, which is not cloned"


async def test_without_the_operators_word_loopback_is_not_dialled(server: GitServer, repository: Path) -> None:
    found = await failure_of(GitSource(url=server.url("app/.git")), guard=Guard())
    assert (found.error_type, found.http_status) == ("endpoint_forbidden", 400)
    assert "inline" in " ".join(found.tips)
    assert server.seen == []


async def test_the_address_that_was_checked_is_dialled_and_no_other(server: GitServer, repository: Path) -> None:
    """The name exists for nobody but the guard: git would not find it by itself."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    guard = Guard(LOOPBACK.allowed, resolve)
    cloned = await clone(GitSource(url=server.url("app/.git", "git.invalid")), LIMITS, guard)
    assert set(cloned.found.files) == {"a.py", "src/b.py", "logo.png"}
    assert asked == ["git.invalid"]


async def test_a_name_that_leads_inside_is_forbidden(server: GitServer) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "10.0.0.7"]

    found = await failure_of(GitSource(url="https://git.invalid/a"), guard=Guard((), resolve))
    assert found.error_type == "endpoint_forbidden"
    assert "10.0.0.7" not in found.detail


async def test_plain_http_needs_a_network_that_the_operator_allowed() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.216.34"]

    found = await failure_of(GitSource(url="http://git.invalid/a"), guard=Guard(LOOPBACK.allowed, resolve))
    assert (found.error_type, "https://" in found.detail) == ("invalid_request", True)


async def test_redirects_are_not_followed(server: GitServer, repository: Path) -> None:
    server.redirect_to = server.url("").rstrip("/")
    found = await failure_of(GitSource(url=server.url("redirect/app/.git")))
    assert found.error_type == "invalid_request"
    assert "redirects" in found.detail
    assert all(path.startswith("/redirect") for path in server.seen)


async def test_neither_proxies_nor_configuration_of_ours_are_used(
    server: GitServer, repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".gitconfig").write_text('[url "http://127.0.0.1:1/"]\n\tinsteadOf = http://\n')
    for name, value in {
        "http_proxy": "http://127.0.0.1:1",
        "ALL_PROXY": "http://127.0.0.1:1",
        "HOME": str(tmp_path),
        "GIT_CONFIG_PARAMETERS": "'http.proxy'='http://127.0.0.1:1'",
        "GIT_SSH_COMMAND": "touch /tmp/never",
        "GIT_DIR": "/nowhere",
    }.items():
        monkeypatch.setenv(name, value)
    cloned = await clone(GitSource(url=server.url("app/.git")), LIMITS, LOOPBACK)
    assert "a.py" in cloned.found.files


@pytest.mark.parametrize("path", ["slow/app", "endless/app"])
async def test_a_slow_server_ends_in_time(server: GitServer, path: str) -> None:
    found = await failure_of(GitSource(url=server.url(path)), replace(LIMITS, clone_timeout_s=1))
    assert found.error_type == "read_timeout"
    assert "1 seconds" in found.detail
    assert _our_gits() == []


async def test_a_clone_that_is_cancelled_leaves_nothing_behind(server: GitServer, tmp_path: Path) -> None:
    task = asyncio.create_task(clone(GitSource(url=server.url("slow/app")), LIMITS, LOOPBACK))
    assert await asyncio.to_thread(server.asked.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _our_gits() == []


async def test_a_repository_that_is_too_large_is_refused(server: GitServer, repository: Path) -> None:
    commit(repository, {"noise.bin": random.Random(1).randbytes(3_000_000)})
    found = await failure_of(GitSource(url=server.url("app/.git")), replace(LIMITS, max_clone_bytes=1_000_000))
    assert found.error_type == "payload_too_large"
    assert "1000000" in found.detail


async def test_files_over_the_limit_are_left_out_and_not_unpacked(server: GitServer, repository: Path) -> None:
    commit(repository, {"zeros.txt": bytes(5_000_000)})
    found = (await clone(GitSource(url=server.url("app/.git")), LIMITS, LOOPBACK)).found
    assert found.left_out["zeros.txt"] == "it is larger than 400000 bytes"
    assert "a.py" in found.files


async def test_a_tree_that_unfolds_to_billions_of_names_is_refused(server: GitServer) -> None:
    directory = make_repository(server.root / "bomb")
    commit(directory, {"f": b"1"})
    tree = git(directory, "rev-parse", "HEAD^{tree}")
    for _ in range(8):
        entries = "".join(f"040000 tree {tree}\td{number}\0" for number in range(10))
        (directory / "entries").write_text(entries)
        with (directory / "entries").open() as stdin:
            tree = await asyncio.to_thread(_mktree, directory, stdin)
    git(directory, "update-ref", "refs/heads/main", git(directory, "commit-tree", "-m", "bomb", tree))
    found = await failure_of(GitSource(url=server.url("bomb/.git")))
    assert found.error_type == "payload_too_large"
    assert "entries" in found.detail


@pytest.mark.parametrize(
    ("path", "ref", "error_type", "words"),
    [
        ("none/.git", None, "invalid_request", "not found"),
        ("private/app", None, "invalid_request", "needs credentials"),
        ("broken/app", None, "endpoint_unreachable", "cannot serve"),
        ("app/.git", "nosuch", "invalid_request", "no branch, tag or commit nosuch"),
        ("app/.git", "1" * 40, "invalid_request", "no branch, tag or commit 1111"),
        ("dumb/app/.git", None, "invalid_request", "cannot give one commit"),
    ],
)
async def test_what_cannot_be_cloned_says_why_and_what_helps(
    server: GitServer, repository: Path, path: str, ref: str | None, error_type: str, words: str
) -> None:
    git(repository, "update-server-info")
    found = await failure_of(GitSource(url=server.url(path), ref=ref))
    assert (found.error_type, words in found.detail) == (error_type, True), found
    assert "inline" in " ".join(found.tips)


async def test_an_empty_repository_says_so(server: GitServer) -> None:
    make_repository(server.root / "empty")
    found = await failure_of(GitSource(url=server.url("empty/.git")))
    assert "empty" in found.detail


async def test_a_dead_server_is_unreachable(server: GitServer) -> None:
    found = await failure_of(GitSource(url="http://127.0.0.1:9999/app"))
    assert found.error_type == "endpoint_unreachable"


async def test_alternates_of_a_server_are_not_fetched(server: GitServer, repository: Path) -> None:
    git(repository, "update-server-info")
    alternates = repository / ".git/objects/info/http-alternates"
    alternates.write_text(server.url("inner/objects\n"))
    await failure_of(GitSource(url=server.url("dumb/app/.git")))
    assert not any("inner" in path for path in server.seen)


@pytest.mark.parametrize(
    "url",
    [
        "ssh://git@host/x", "git@host:x/y", "git://host/x", "file:///etc", "/etc", "../x", "ext::sh -c id", "ftp://host/x",
        "https://user:pw@host/x", "https://token@host/x", "https://host", "https://host/", "https://host/x?y=1",
        "https://host/x#y", "https://-host/x", "https://host/x y", "https://host\\x/y", "-oProxyCommand=x", "https:///x",
        "https://host:0/x", "https://host:99999/x", "http::https://host/x", "https://ho\nst/x",
    ],
)  # fmt: skip
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(TallygateError) as caught:
        parse_remote(url)
    assert caught.value.failure.error_type == "invalid_request"
    assert "pw" not in caught.value.failure.detail
    assert "endpoint_url" not in caught.value.failure.detail


def test_git_is_given_the_host_that_was_checked() -> None:
    remote = parse_remote("HTTPS://Host.Example:443/a/B.git/")
    assert (remote.url, remote.name) == ("https://host.example/a/B.git", "host.example/a/B")


@pytest.mark.parametrize(
    "ref", ["-x", "--upload-pack=x", "a..b", "a b", "a:b", "+a", "^a", "a*", "@{u}", "a.lock", "/a", "a/"]
)
def test_refs_that_are_refused(ref: str) -> None:
    with pytest.raises(TallygateError, match="ref must be"):
        check_ref(ref)


def test_what_the_server_says_decides_nothing() -> None:
    remote = parse_remote("https://host/x")
    said = "remote: SSL certificate problem\nfatal: unable to access: The requested URL returned error: 404"
    assert git_failure(remote, "HEAD", said).failure.error_type == "invalid_request"


def _mktree(directory: Path, stdin: object) -> str:
    done = subprocess.run(
        ["git", "mktree", "-z"], cwd=directory, stdin=stdin, check=True, capture_output=True, text=True
    )  # type: ignore[call-overload]
    return str(done.stdout).strip()


def _our_gits() -> list[int]:
    """Processes of git that this test run has started and that still run in a directory of a clone."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                where = str((process / "cwd").readlink())
                state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if "tallygate-clone-" in where and state != "Z":
                found.append(int(process.name))
    return found
