import time
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.features.codegen.paths import MAX_NAMES, allowed, as_spelled, collision, safe_path, taken
from services.features.codegen.values import Constraints, Finding

ESCAPES = [
    "",
    " ",
    "/",
    ".",
    "..",
    "../x",
    "a/../../x",
    "a/../b",
    "/etc/passwd",
    "//host/x",
    "\\\\host\\share\\x",
    "C:\\x",
    "c:/x",
    "C:x",
    "..\\..\\x",
    "a\\..\\..\\x",
    "~/x",
    "~root/x",
    "a\x00.py",
    "a\n.py",
    "a\x1b[0m.py",
    ".git/config",
    "a/.git/hooks/x",
    ".GIT/config",
    ".git./config",
    ".git /config",
    "GIT~1/config",
    ".g\u200cit/config",
    "a\u202egnp.py",
    "\ufeffa.py",
    "\uff0e\uff0e/x",
    "a\uff0fb",
    "a\u2028b",
    "con",
    "CON.txt",
    "a/nul.py",
    "LPT1",
    "com¹.txt",
    "a./b",
    "a /b",
    "a/ b.py",
    "x:y",
    "a|b",
    "a?b",
    "a*b",
    'a"b',
    "a<b",
    "%2e%2e/x",
    "..%2fx",
    "a%00.py",
    "a" * 256,
    "é" * 128,
    "a/" * 600 + "b",
    "a/" * MAX_NAMES + "b",
    "a/",
    "a/.",
    "\ud800.py",
    "\uff0egit/config",
    "...",
    "a\u00a0b",
]


@pytest.mark.parametrize("path", ESCAPES)
def test_what_could_lie_elsewhere_is_refused(path: str) -> None:
    found = safe_path(path)
    assert isinstance(found, Finding), found
    assert found.kind == "path"
    assert found.path.isprintable()


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("src/a.py", "src/a.py"),
        ("./src//./a.py", "src/a.py"),
        ("src\\pkg\\a.py", "src/pkg/a.py"),
        (" a.py ", "a.py"),
        ("app/[slug]/(group)/$id.tsx", "app/[slug]/(group)/$id.tsx"),
        (".github/workflows/ci.yml", ".github/workflows/ci.yml"),
        (".gitignore", ".gitignore"),
        ("cafe\u0301.md", "caf\u00e9.md"),
        ("docs/日本.md", "docs/日本.md"),
        ("conf.py", "conf.py"),
        ("a b.txt", "a b.txt"),
    ],
)
def test_what_is_plain_is_kept(path: str, safe: str) -> None:
    assert safe_path(path) == safe


@example("./~")
@given(st.one_of(st.text(), st.text(alphabet="ab./\\~:%2eE\u202e ")))
def test_a_safe_path_stays_inside_and_is_stable(path: str) -> None:
    safe = safe_path(path)
    if isinstance(safe, str):
        assert safe_path(safe) == safe
        assert not safe.startswith("/")
        assert not {"..", ".", "", ".git"} & set(safe.lower().split("/"))


@pytest.mark.parametrize(
    ("path", "collides"),
    [
        ("src/a.py", False),
        ("src/A.py", True),
        ("SRC/b.py", True),
        ("src/a.py/b", True),
        ("src", True),
        ("src/b.py", False),
        ("new/b.py", False),
        ("src/straße.py", False),
        ("src/STRASSE2.py", True),
    ],
)
def test_collisions(path: str, collides: bool) -> None:
    existing = taken(["src/a.py", "src/strasse2.py"])
    assert (collision(path, existing) is not None) is collides


def test_a_deep_path_is_kept() -> None:
    deepest = "a/" * (MAX_NAMES - 1) + "b"
    assert safe_path(deepest) == deepest


@pytest.mark.parametrize(
    ("path", "spelled"),
    [
        ("docs/caf\u00e9.md", "docs/cafe\u0301.md"),
        ("\u00e9t\u00e9/new.md", "e\u0301te\u0301/new.md"),
        ("\u00e9t\u00e9/\u00e9/new.md", "e\u0301te\u0301/\u00e9/new.md"),
        ("docs/Caf\u00e9.md", "docs/Caf\u00e9.md"),
        ("docs/new.md", "docs/new.md"),
        ("both/\u00e9.md", "both/\u00e9.md"),
    ],
)
def test_the_repository_s_own_spelling_counts(path: str, spelled: str) -> None:
    existing = taken(["docs/cafe\u0301.md", "e\u0301te\u0301/a.md", "both/\u00e9.md", "both/e\u0301.md"])
    assert as_spelled(path, existing) == spelled


@pytest.mark.parametrize(
    ("path", "patterns", "may"),
    [
        ("a.py", [], True),
        ("src/a.py", ["src/**"], True),
        ("src/x/a.py", ["src/**/*.py"], True),
        ("src/a.py", ["src/**/*.py"], True),
        ("lib/a.py", ["src/**"], False),
        ("src/a.py", ["*.py"], True),
        ("src/a.js", ["*.py", "src/*.ts"], False),
        ("src/a.py", ["src"], True),
        ("src/a.py", ["src/"], True),
        ("srcs/a.py", ["src"], False),
        ("src/x/a.py", ["src/*"], False),
        ("a/b/c", ["**"], True),
        ("src/a.py", ["./src/a.py"], True),
        ("src/a.py", [""], False),
        ("e\u0301/a.py", ["\u00e9"], True),
    ],
)
def test_allowed(path: str, patterns: Sequence[str], may: bool) -> None:
    assert allowed(path, Constraints(paths=tuple(patterns))) is may


def test_hostile_patterns_take_no_time() -> None:
    started = time.process_time()
    assert not allowed("a/" * 300 + "a", Constraints(paths=("**/" * 300 + "b", "*a" * 200 + "b")))
    assert not allowed("a" * 250, Constraints(paths=("*a" * 100 + "b",)))
    assert time.process_time() - started < 10
