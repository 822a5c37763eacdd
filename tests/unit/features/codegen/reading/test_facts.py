"""Facts are counted, not guessed."""

import time
from typing import get_args

import pytest
from tree_sitter_language_pack import SupportedLanguage

from services.features.codegen.check.readers import EXACT, reader_of
from services.features.codegen.reading.facts import make_facts
from services.features.codegen.reading.manifests import frameworks
from services.features.codegen.reading.tests_by_name import is_test, subject_of
from services.features.codegen.values import Repository
from shared.languages import BY_NAME, BY_SUFFIX

PYTHON = {
    "pyproject.toml": '[project]\ndependencies = ["FastAPI>=0.1", "sqlalchemy[asyncio]"]\n'
    '[dependency-groups]\ndev = ["pytest"]\n[tool.ruff]\nline-length = 100\n',
    "app/main.py": 'def get(x: int) -> int:\n    """Say it."""\n    return "a"\n\n\ndef put(x):\n    return "b"\n'
    'def post(x) -> None:\n    return "c"\n',
    "app/db.py": 'NAME = "x"\nif NAME:\n    NAME = "y"\n',
    "tests/unit/test_main.py": "def test_get():\n    assert True\n",
    "README.md": "# App\n",
}


def test_what_reads_a_file_is_a_grammar_that_exists() -> None:
    paths = [*(f"a.{suffix}" for suffix in BY_SUFFIX), *BY_NAME]
    readers = {reader for path in paths if (reader := reader_of(path))}
    assert {"python", "typescript", "tsx", "bash", "json"} <= readers
    assert readers <= {*get_args(SupportedLanguage), *EXACT, "h"}


def test_facts_of_a_python_service() -> None:
    facts = make_facts(Repository(PYTHON))
    assert dict(facts.languages) == {"python": 3, "markdown": 1, "toml": 1}
    assert facts.frameworks == ("FastAPI", "SQLAlchemy")
    assert (facts.test_framework, facts.test_paths) == ("pytest", ("tests/unit",))
    assert facts.layout[0] == "(root): 2 files: README.md, pyproject.toml"
    assert "app/: 2 files: 2 python" in facts.layout
    assert "configured tools: ruff (pyproject.toml)" in facts.conventions
    assert "line length: 100 (pyproject.toml)" in facts.conventions
    assert "indentation of python: 4 spaces (3 of 3 files)" in facts.conventions
    assert "return types are annotated: 2 of 4 Python functions" in facts.conventions
    assert "quotes in Python: double (5 of 5 strings)" in facts.conventions
    assert "tests are named: test_*.py (1 of 1 files)" in facts.conventions


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("requirements.txt", "Django==5\n# flask\n", "Django"),
        ("requirements-dev.txt", "celery[redis]>=5\n", "Celery"),
        ("setup.cfg", "[options]\ninstall_requires =\n    Flask>=2\n", "Flask"),
        ("setup.py", "setup(install_requires=['aiohttp>=3'])", "aiohttp"),
        ("pyproject.toml", '[tool.poetry.dependencies]\nflask = "*"\n', "Flask"),
        ("Pipfile", '[packages]\ntornado = "*"\n', "Tornado"),
        ("package.json", '{"dependencies": {"@nestjs/core": "1"}}', "NestJS"),
        ("web/package.json", '{"devDependencies": {"next": "1"}}', "Next.js"),
        ("go.mod", "module x\nrequire (\n\tgithub.com/gin-gonic/gin v1.9.0\n)\n", "Gin"),
        ("go.mod", "module x\nrequire github.com/labstack/echo/v4 v4.1.0\n", "Echo"),
        ("Cargo.toml", '[dependencies]\naxum = "0.7"\n', "axum"),
        ("pom.xml", "<artifactId>spring-boot-starter-web</artifactId>", "Spring Boot"),
        ("build.gradle.kts", 'implementation("io.ktor:ktor-server-core:2")', "Ktor"),
        ("Gemfile", 'gem "rails", "~> 7"', "Ruby on Rails"),
        ("composer.json", '{"require": {"laravel/framework": "1"}}', "Laravel"),
        ("mix.exs", "{:phoenix, ~> 1.7}", "Phoenix"),
        ("pubspec.yaml", "dependencies:\n  flutter:\n    sdk: flutter\n", "Flutter"),
        ("App.csproj", '<Project Sdk="Microsoft.NET.Sdk.Web">', "ASP.NET Core"),
    ],
)
def test_frameworks_are_read_from_manifests(path: str, text: str, found: str) -> None:
    assert frameworks({path: text}) == (found,)


@pytest.mark.parametrize("name", ["pyproject.toml", "package.json", "Cargo.toml", "composer.json", "Pipfile"])
@pytest.mark.parametrize(
    "text", ["", "{", "[[[", "null", "[]", '{"dependencies": 3}', "[project]\ndependencies = 1", "[" * 50_000]
)
def test_a_broken_manifest_says_nothing(name: str, text: str) -> None:
    assert frameworks({name: text}) == ()


@pytest.mark.parametrize(
    ("path", "about"),
    [
        ("tests/test_auth.py", "auth"), ("pkg/auth_test.go", "auth"), ("src/auth.test.ts", "auth"),
        ("a/auth.spec.js", "auth"),        ("src/AuthTest.java", "auth"), ("spec/auth_spec.rb", "auth"),
        ("AuthTests.cs", "auth"),
    ],
)  # fmt: skip
def test_tests_are_known_by_their_names(path: str, about: str) -> None:
    assert is_test(path)
    assert subject_of(path) == about


@pytest.mark.parametrize("path", ["src/attest.py", "contest.go", "latest.js", "testing.md", "src/protest.java"])
def test_other_names_are_no_tests(path: str) -> None:
    assert not is_test(path)


@pytest.mark.parametrize(
    ("files", "framework"),
    [
        ({"a_test.go": "package a", "go.mod": "module a"}, "go test"),
        ({"src/lib.rs": "fn a() {}"}, "cargo test"),
        ({"test_a.py": "import unittest\n"}, "unittest"),
        ({"a.test.js": "import test from 'node:test'"}, "node:test"),
        ({"package.json": '{"devDependencies": {"vitest": "1"}}'}, "Vitest"),
        ({"README.md": "pytest"}, None),
    ],
)
def test_the_test_framework(files: dict[str, str], framework: str | None) -> None:
    assert make_facts(Repository(files)).test_framework == framework


@pytest.mark.parametrize(
    "name", ["a.py", "go.mod", "Gemfile", "a.js", "pubspec.yaml", "test_a.py", "package.json", "a.rb"]
)
@pytest.mark.parametrize(
    "unit", ["\n", "a.", " ", "from ", "from .", '"', "'a", "def a(", "a-", "{", "require ", ":\n  "]
)
def test_no_file_keeps_a_worker_busy(name: str, unit: str) -> None:
    started = time.monotonic()
    make_facts(Repository({name: unit * (200_000 // len(unit))}))
    assert time.monotonic() - started < 30
