import time

import pytest

from services.features.codegen.check import execution
from services.features.codegen.check.execution import ExecutionPolicy, execute, refusal, run
from services.features.codegen.values import Draft, ProducedFile, Repository

REFUSAL = refusal()
sandboxed = pytest.mark.skipif(REFUSAL is not None, reason=f"no sandbox here: {REFUSAL}")
REPOSITORY = Repository({"a.txt": "old", "../escape": "x"})
DRAFT = Draft((ProducedFile("a.txt", "text", "new", "old"),))


def said(command: str, timeout_s: float = 20) -> str:
    found = run(ExecutionPolicy(True, command, timeout_s, 300 * 2**20), DRAFT, REPOSITORY)
    assert len(found) <= 1
    return found[0].message if found else ""


async def test_off_by_default() -> None:
    assert await execute(ExecutionPolicy(command="/bin/false"), DRAFT, REPOSITORY) == ()


@sandboxed
def test_runs_on_a_copy_with_the_draft_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    assert said("grep -q new a.txt") == ""
    assert "status 3: new" in said("sh -c 'cat a.txt; exit 3'")
    assert "hunter2" not in said("sh -c 'env; ls -a . /; exit 1'")


@sandboxed
@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("cat /etc/passwd", "No such file"),
        ("touch /usr/x", "Read-only file system"),
        ("sh -c 'umount /usr || exit 7'", "status 7"),
        ("unshare -r true", "Operation not permitted"),
        ("sh -c 'head -c 400000000 /dev/zero > x'", "ended with status"),
        ("sh -c 'test -e /proc/self && exit 5; exit 5'", "status 5"),
        ("no-such-program", "No such file"),
        ("sh -c 'cat /proc/net/dev | grep -c eth; exit 4'", "status 4"),
    ],
)
def test_what_it_cannot_do(command: str, words: str) -> None:
    assert words in said(command)


@sandboxed
def test_it_is_ended_with_all_that_it_started_and_its_output_is_cut() -> None:
    started = time.monotonic()
    message = said("sh -c 'setsid sleep 60 & while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done'", timeout_s=1)
    assert time.monotonic() - started < 50
    assert "did not end within 1 s" in message
    assert len(message) < 3_000


def test_without_a_sandbox_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "_NAMESPACES", ("--no-such-namespace",))
    assert "was not run" in said("true")
    monkeypatch.setattr(execution, "_ENVIRONMENT", {"PATH": "/nowhere"})
    assert "was not run" in said("true")
