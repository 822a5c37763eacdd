"""Which files are read, and why the others are not."""

import os
import subprocess
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from services.features.codegen.reading.collect import collect
from services.features.codegen.reading.found import Found
from services.features.codegen.reading.ignores import Ignores
from services.features.codegen.values import Repository
from shared.errors import TallygateError
from tests.unit.features.codegen.reading.archives import LIMITS


def collected(files: dict[str, bytes], *, tracked: bool = False) -> Repository:
    return collect(Found(files), LIMITS, "test", tracked=tracked)


def test_text_is_read_with_its_line_ends_and_without_its_mark() -> None:
    repository = collected({"a.py": b"\xef\xbb\xbfx = 1\r\n", "b.md": "Grüße".encode()})
    assert repository.files == {"a.py": "x = 1\r\n", "b.md": "Grüße"}


def test_what_is_no_text_is_left_out() -> None:
    repository = collected({"a.bin": b"a\0b", "b.txt": b"\xff\xfe\xfa", "c.txt": b"x" * 400_001})
    assert repository.left_out == {
        "a.bin": "it is binary",
        "b.txt": "it is not UTF-8 text",
        "c.txt": "it is larger than 400000 bytes",
    }


@pytest.mark.parametrize(
    "path",
    [
        ".env", "app/.env.production", "prod.env", "server.pem", "tls/private.key", "id_rsa", "keys/id_rsa.bak",
        "id_ed25519", "store.p12", "team.kdbx", "credentials", ".aws/credentials", ".aws/config", "home/.ssh/config",
        ".npmrc", ".pypirc", ".netrc", "terraform.tfstate", "terraform.tfstate.backup", "prod.tfvars",
        ".git-credentials",        "service-account.json", "my-service_account.json.key", "secrets.yml",
        "config/secrets.json", ".htpasswd",
        ".docker/config.json", "config/master.key", "google-credentials.json", "wp-config.php", ".ENV", "ID_RSA",
    ],
)  # fmt: skip
def test_files_that_may_hold_secrets_are_left_out(path: str) -> None:
    repository = collected({path: b"x", "ok.py": b"y"})
    assert repository.left_out == {path: "may hold secrets"}


@pytest.mark.parametrize(
    "path", ["secrets.py", "credentials.go", ".env.example", "src/keys.ts", "environment.py", "docs/secrets.md"]
)
def test_code_that_is_about_secrets_is_read(path: str) -> None:
    assert path in collected({path: b"x"}).files


def test_a_service_account_under_any_name_is_left_out() -> None:
    data = b'{"type": "service_account", "private_key": "x", "client_email": "a@b"}'
    assert collected({"conf/gcp.json": data}).left_out == {"conf/gcp.json": "may hold secrets"}


@pytest.mark.parametrize(
    "path",
    ["node_modules/x/i.js", "a/__pycache__/x.py", "vendor/x/x.go", "dist/x.js", "target/x.rs", "x.min.js", "uv.lock",
     "package-lock.json", "go.sum", ".git/config", "x.egg-info/PKG-INFO", "api/x_pb2.py", "Cargo.lock"],
)  # fmt: skip
def test_what_nobody_wrote_is_listed_and_not_read(path: str) -> None:
    assert collected({path: b"x"}).left_out == {path: "vendored or generated"}


def test_a_folder_that_is_only_called_like_a_built_one_is_read() -> None:
    assert "src/target/x.py" in collected({"src/target/x.py": b"x"}).files
    assert "web/dist/x.js" not in collected({"web/dist/x.js": b"x", "web/package.json": b"{}"}).files


def test_limits_leave_out_what_is_far_from_the_root() -> None:
    files = {"a/b/c.py": b"3333", "a.py": b"1111", "a/b.py": b"2222"}
    by_number = collect(Found(files), replace(LIMITS, max_files=2), "test")
    by_size = collect(Found(files), replace(LIMITS, max_total_bytes=9), "test")
    assert set(by_number.files) == set(by_size.files) == {"a.py", "a/b.py"}
    assert by_number.left_out == {"a/b/c.py": "there are more than 2 files"}
    assert by_size.left_out == {"a/b/c.py": "all files together are larger than 9 bytes"}


def test_a_name_that_is_file_and_folder_is_a_folder() -> None:
    assert collected({"a": b"1", "a/b": b"2"}).files == {"a/b": "2"}


def test_ignored_files_are_left_out_unless_they_are_tracked() -> None:
    files = {".gitignore": b"*.log\n", "x.log": b"1", "sub/y.log": b"2"}
    assert collected(files).left_out == {"x.log": "named by .gitignore", "sub/y.log": "named by .gitignore"}
    assert "x.log" in collected(files, tracked=True).files


_TREE = (
    "a.log", "keep.log", "sub/a.log", "sub/keep.log", "build/x", "sub/build/y", "build.txt", "docs/a.md", "docs/b/c.md",
    "foo/bar.txt", "foo/baz/bar.txt", "x/foo/bar.txt", "a b.txt", "trail ", "#hash", "!bang", "star*", "q1", "q2", "qa",
    "deep/er/est/f.txt", "deep/f.txt", "tmp/keep/me", "tmp/not", "b[1].txt", "back/s", "-.x", "Case.TXT",
)  # fmt: skip
_RULES = (
    "*.log", "*.log\n!keep.log", "/a.log", "build/", "build", "/build/", "docs/*.md", "docs/**", "docs/**\n!docs/a.md",
    "foo/*\n!foo/bar.txt", "foo/\n!foo/bar.txt", "**/bar.txt", "foo/**/bar.txt", "**/foo", "**/foo/bar.txt", "a b.txt",
    "trail\\ ", "trail ", "#hash", "\\#hash", "\\!bang", "!bang", "star\\*", "q[12]", "q[!1]", "q[^1]", "q?", "q[a-z]",
    "deep/**/f.txt", "/deep", "deep/*", "*", "*\n!*/\n!*.txt", "tmp/*\n!tmp/keep", "sub/\n!sub/keep.log",
    "b\\[1\\].txt",    "*.txt\r", "a/**/b", "**", "/", "//", "docs/", "docs//a.md", "./a.log", "*.TXT", "[", "q[",
    "-*", "**/", "/**",
    "sub/**/keep.log", "*/a.log", "/*/a.log", "foo/b*", "f*o/", "de?p", "deep/er/", "er/", "er/est", "**.log",
)  # fmt: skip


def _git_ignored(root: Path, rules: str, nested: str | None) -> set[str]:
    (root / ".gitignore").write_bytes(rules.encode() + b"\n")
    (root / "sub/.gitignore").write_bytes((nested or "").encode())
    asked = b"\0".join(path.encode() for path in _TREE)
    command = ["git", "-c", "core.ignoreCase=false", "check-ignore", "-z", "--stdin", "--no-index"]
    done = subprocess.run(command, cwd=root, input=asked, capture_output=True, check=False)
    return {path.decode() for path in done.stdout.split(b"\0") if path}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for path in _TREE:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x")
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", "init", "-q", "."], cwd=root, check=True, env=environment)
    return root


@pytest.mark.parametrize("nested", [None, "!keep.log", "*.log\n", "/a.log\n!/keep.log"])
def test_rules_mean_what_git_says_they_mean(tree: Path, nested: str | None) -> None:
    wrong = {}
    for text in _RULES:
        rules = Ignores({".gitignore": text, "sub/.gitignore": nested or ""})
        ours = {path for path in _TREE if rules.refusal(path)}
        git = _git_ignored(tree, text, nested)
        if ours != git:
            wrong[text] = (ours - git, git - ours)
    assert wrong == {}


@pytest.mark.parametrize(
    ("rule", "left_out", "read"),
    [
        ("hidden[[:digit:]].txt", "hidden1.txt", "hidden.txt"),
        ("[[:alpha:]]*.key.md", "a.key.md", "b.md"),
        ("x[![:space:]]", "xy", "y"),
        ("x[[=a=]]", "xa", "y"),
        (r"q[a\-z]", "q-", "y"),
        ("docs/q[a/b]x", "docs/qax", "docs/y"),
        ("/".join(["**/a"] * 20), "a/" * 20 + "x", "b"),
        ("n" * 400, "anything", None),
    ],
)
def test_a_pattern_that_is_not_understood_leaves_out_and_is_named(rule: str, left_out: str, read: str | None) -> None:
    repository = collected({".gitignore": f"{rule}\n".encode(), left_out: b"1", **({read: b"1"} if read else {})})
    assert left_out not in repository.files
    assert read is None or read in repository.files
    assert len(repository.notes) == 1
    assert rule[:100] in repository.notes[0]


def test_a_negation_that_is_not_understood_takes_nothing_back() -> None:
    repository = collected({".gitignore": b"*.txt\n!a[[:digit:]].txt\n!b.txt\n", "a1.txt": b"1", "b.txt": b"2"})
    assert set(repository.files) == {".gitignore", "b.txt"}


def test_rules_hold_behind_a_byte_order_mark_and_lines_end_at_newlines_only() -> None:
    repository = collected({".gitignore": "\ufeffa.txt\nb\x0cc\n".encode(), "a.txt": b"1", "b\u0020c": b"2", "c": b"3"})
    assert set(repository.files) == {".gitignore", "b c", "c"}


def test_of_what_has_too_many_rules_nothing_is_read() -> None:
    rules = "\n".join(f"x{number}" for number in range(6_000)).encode()
    repository = collected(
        {"sub/.gitignore": rules, "sub/a": b"1", "big/.gitignore": b"#" * 500_000, "big/a": b"2", "a": b"3"}
    )
    assert set(repository.files) == {"a"}
    assert repository.left_out["sub/a"] == repository.left_out["big/a"] == "there are too many rules in .gitignore"


def test_a_rule_of_many_stars_takes_no_time() -> None:
    rules = Ignores({".gitignore": "*a" * 40 + "*b\n" + "**/a/" * 8 + "b"})
    started = time.monotonic()
    assert not rules.refusal("a" * 200)
    assert not rules.refusal("a/" * 31 + "c")
    assert time.monotonic() - started < 20


def test_rules_that_would_take_too_long_leave_out_what_they_were_not_asked_about() -> None:
    rules = "\n".join(f"**/x{number}*/**/y{number}*/**/z" for number in range(1_000)).encode()
    files = {f"f{number}/" + "a/" * 30 + "f.py": b"1" for number in range(300)}
    started = time.monotonic()
    repository = collected({".gitignore": rules, "a.py": b"1", **files})
    assert time.monotonic() - started < 60
    assert "a.py" in repository.files
    assert set(repository.left_out.values()) == {"there are too many rules in .gitignore for so many folders"}


def test_deep_paths_are_left_out_with_the_folder_that_they_end_in() -> None:
    repository = collected({"a/" * 31 + "f.py": b"1", "b/" * 480 + "f.py": b"2"})
    assert list(repository.files) == ["a/" * 31 + "f.py"]
    assert repository.left_out == {("b/" * 32)[:-1]: "its path is deeper than 32 names"}


def test_many_deep_folders_take_little_memory() -> None:
    files = {f"{number}/" + "a/" * 480 + "f.py": b"1" for number in range(1_500)}
    tracemalloc.start()
    collected(files)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000


@pytest.mark.parametrize("limits", [{"max_folders": 20}, {"max_path_chars": 100}])
def test_paths_that_are_too_many_or_too_long_together_are_refused(limits: dict[str, int]) -> None:
    files = {f"{number}/a/b/c/f.py": b"1" for number in range(10)}
    with pytest.raises(TallygateError, match=r"of the repository|the repository holds"):
        collect(Found(files), replace(LIMITS, **limits), "test")


def test_a_file_with_a_long_path_that_is_not_read_is_known_by_its_path() -> None:
    path = "/".join(["x" * 60] * 5) + "/a.bin"
    assert collected({path: b"a\0b"}).left_out == {path: "it is binary"}
