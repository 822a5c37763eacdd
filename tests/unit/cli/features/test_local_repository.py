"""What of a checkout is sent, and how a result is written into it: all of it, or nothing."""

import subprocess
from pathlib import Path

import pytest

from services.cli.features.local_repository import Checkout, apply, read_checkout
from shared.client import ProblemError

OLD = "a = 1\n"
NEW = "a = 2\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    (root / "a.py").write_text(OLD)
    return root


def put(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x")


def sent(root: Path, *only: str) -> set[str]:
    return set(read_checkout(root, only).files)


def state(root: Path) -> dict[str, bytes | str]:
    """Everything there is, with what is in it, where links lead, and what may be run."""
    found: dict[str, bytes | str] = {}
    for path in root.rglob("*"):
        inside = path.read_bytes() if path.is_file() else b""
        found[f"{path.relative_to(root)} {path.lstat().st_mode:o}"] = (
            str(path.readlink()) if path.is_symlink() else inside
        )
    return found


def assert_nothing_written(checkout: Checkout, *files: tuple[str, str], because: str) -> None:
    before = state(checkout.root)
    with pytest.raises(ProblemError, match="nothing was written") as caught:
        apply(checkout, made(*files))
    assert because in caught.value.problem.detail
    assert state(checkout.root) == before


def made(*files: tuple[str, str]) -> list[dict[str, str]]:
    return [{"path": path, "content": content} for path, content in files]


@pytest.mark.parametrize(
    "path",
    [
        "id_rsa", ".aws/credentials", "secrets.yaml", "terraform.tfstate", "prod.tfvars", "service-account.json",
        ".git-credentials", "kubeconfig", "release.keystore", "Server.KEY", ".env", "app/.env.local",
    ],
)  # fmt: skip
def test_what_may_hold_secrets_is_not_sent(root: Path, path: str) -> None:
    put(root, path)

    assert sent(root) == {"a.py"}
    assert sent(root, "**") == {"a.py"}


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("src", {"src/b.py", "src/x/c.py"}),
        ("src/", {"src/b.py", "src/x/c.py"}),
        ("src/**", {"src/b.py", "src/x/c.py"}),
        ("src/*", {"src/b.py"}),
        ("src/**/c.py", {"src/x/c.py"}),
        ("*.py", {"a.py", "src/b.py", "src/x/c.py"}),
    ],
)
def test_only_reads_patterns_as_the_worker_does(root: Path, pattern: str, matches: set[str]) -> None:
    put(root, "src/b.py", "src/x/c.py", "docs/src.md")

    assert sent(root, pattern) == matches


def test_without_git_there_is_a_sentence(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ProblemError, match="git says what of a folder is sent, and it cannot be started") as caught:
        read_checkout(root)

    assert "Install git" in caught.value.problem.tips[0]


def test_files_are_written_with_their_folders_and_keep_their_mode(root: Path) -> None:
    (root / "a.py").chmod(0o755)

    assert apply(read_checkout(root), made(("a.py", NEW), ("x/y/b.py", "grüße\r\n"))) == ["a.py", "x/y/b.py"]

    assert (root / "a.py").read_text() == NEW
    assert (root / "a.py").stat().st_mode & 0o777 == 0o755
    assert (root / "x/y/b.py").read_bytes() == "grüße\r\n".encode()
    assert sent(root) == {"a.py", "x/y/b.py"}  # and nothing else is left


def test_text_is_written_as_utf_8_whatever_the_locale(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = read_checkout(root)
    monkeypatch.setattr(Path, "write_text", lambda *_: pytest.fail("this encodes by the locale"))

    apply(checkout, made(("a.py", "é")))

    assert (root / "a.py").read_bytes() == b"\xc3\xa9"


@pytest.mark.parametrize("content", [NEW, "\ufeff" + NEW])
def test_a_byte_order_mark_is_kept(root: Path, content: str) -> None:
    (root / "a.py").write_bytes(b"\xef\xbb\xbf" + OLD.encode())

    apply(read_checkout(root), made(("./a.py", content), ("b.py", NEW)))

    assert (root / "a.py").read_bytes() == b"\xef\xbb\xbf" + NEW.encode()
    assert (root / "b.py").read_bytes() == NEW.encode()


@pytest.mark.parametrize(
    "path", [".git/config", ".GIT/config", "sub/.git/hooks/post-checkout", "sub/.Git", "g/hooks/pre-commit"]
)
def test_nothing_is_written_into_git(root: Path, path: str) -> None:
    (root / "sub").mkdir()
    (root / "g").symlink_to(".git")

    assert_nothing_written(read_checkout(root), ("a.py", NEW), (path, "evil"), because="leads into .git")


def test_nothing_is_written_through_a_link(root: Path) -> None:
    put(root, "real/b.py")
    (root / "link").symlink_to("real")
    (root / "gone.py").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")
    checkout = read_checkout(root)

    for path in ("link/c.py", "gone.py", "gone.py/c.py"):
        assert_nothing_written(checkout, ("a.py", NEW), (path, "x"), because="leads through the link")
    assert_nothing_written(checkout, ("a.py", NEW), ("loop/x", "x"), because="loop")


def test_a_file_is_no_folder(root: Path) -> None:
    put(root, "docs", "folder/b.py")
    checkout = read_checkout(root, ["a.py"])

    assert_nothing_written(checkout, ("a.py", NEW), ("docs/x.md", "x"), because="runs through the file")
    assert_nothing_written(checkout, ("new", NEW), ("new/x.md", "x"), because="runs through the file")
    assert_nothing_written(checkout, ("a.py", NEW), ("folder", "x"), because="is there and was not sent")
    assert_nothing_written(checkout, ("a.py", NEW), ("docs", "x"), because="is there and was not sent")


def test_a_file_that_was_changed_or_taken_away_is_left_so(root: Path) -> None:
    put(root, "b.py")
    checkout = read_checkout(root)
    (root / "b.py").unlink()
    assert_nothing_written(checkout, ("a.py", NEW), ("b.py", "x"), because="b.py was changed since it was sent")

    (root / "b.py").mkdir()
    assert_nothing_written(checkout, ("a.py", NEW), ("b.py", "x"), because="b.py was changed since it was sent")


@pytest.mark.parametrize("path", ["", "/etc/x", "../x", "x/../../x", "n\0l", "n" * 300, "\ud800"])
def test_what_is_no_path_of_the_checkout_is_refused(root: Path, path: str) -> None:
    assert_nothing_written(read_checkout(root), ("new/b.py", "x"), ("a.py", NEW), (path, "x"), because="")


def test_what_is_no_text_is_refused(root: Path) -> None:
    assert_nothing_written(read_checkout(root), ("a.py", NEW), ("b.py", "\ud800"), because="surrogates")


@pytest.mark.parametrize("failing", ["write_bytes", "replace"])
def test_what_fails_on_the_way_is_taken_back(root: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    """The disk is full at the third file: one that was there and a new one are written by then."""
    checkout = read_checkout(root)
    really = getattr(Path, failing)
    times = iter(range(100))

    def full_at_the_third(path: Path, *given: object) -> object:
        if next(times) == 2:
            raise OSError(28, "No space left on device")
        return really(path, *given)

    monkeypatch.setattr(Path, failing, full_at_the_third)

    files = ("a.py", NEW), ("new/b.py", "x"), ("new/deeper/c.py", "x")
    assert_nothing_written(checkout, *files, because="No space left on device")
