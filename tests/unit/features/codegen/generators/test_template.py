"""Skeletons: in every language they parse, lie where such files lie, and say that they are skeletons."""

from collections.abc import Mapping
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tree_sitter_language_pack import SupportedLanguage, get_parser

from services.features.codegen.check import check
from services.features.codegen.check.readers import reader_of
from services.features.codegen.generators.template import drafted, main_language, make, skeleton
from services.features.codegen.values import Constraints, Draft, Facts, ProducedFile, Task
from shared.errors import TallygateError
from tests.unit.features.codegen.generators.values import ListeningTell, ScriptedAsk, no_findings, task

REPOSITORIES: dict[str, tuple[Mapping[str, str], str | None, tuple[str, ...]]] = {
    "python": (
        {
            "src/app/__init__.py": "",
            "src/app/core.py": "def f():\n    pass\n",
            "tests/unit/core_test.py": "import pytest\n",
        },
        "pytest",
        ("src/app/rate_limiter_clients.py", "tests/unit/rate_limiter_clients_test.py"),
    ),
    "javascript": (
        {"lib/a.js": "module.exports = function () {\n\treturn 1\n}\n", "package.json": "{}"},
        None,
        ("lib/rate-limiter-clients.js", "lib/rate-limiter-clients.test.js"),
    ),
    "typescript": (
        {
            "src/userApi.ts": 'import { a } from "./x.js"\n',
            "src/userApi.spec.ts": "",
            "package.json": '{"devDependencies": {"vitest": "^3"}}',
        },
        "vitest",
        ("src/rateLimiterClients.ts", "src/rateLimiterClients.spec.ts"),
    ),
    "go": (
        {
            "go.mod": "module x",
            "internal/api/x.go": "package api\n",
            "main.go": "package main\n",
            "internal/api/y.go": "",
        },
        None,
        ("internal/api/rate_limiter_clients.go", "internal/api/rate_limiter_clients_test.go"),
    ),
    "rust": (
        {"crates/a/src/lib.rs": "fn x() {}\n", "crates/a/src/z.rs": "", "crates/a/Cargo.toml": ""},
        None,
        ("crates/a/src/rate_limiter_clients.rs", "crates/a/tests/rate_limiter_clients.rs"),
    ),
    "java": (
        {
            "src/main/java/org/x/A.java": "package org.x;\n\nclass A {\n  int a;\n}\n",
            "src/test/java/org/x/ATest.java": "import org.junit.Test;\n",
        },
        None,
        ("src/main/java/org/x/RateLimiterClients.java", "src/test/java/org/x/RateLimiterClientsTest.java"),
    ),
    "cobol": ({"docs/x.md": "# x\n", "a.cob": ""}, None, ("docs/rate-limiter-clients.md",)),
}
LANGUAGES = sorted(REPOSITORIES)
WISH = "Please add a rate limiter for clients"


def made_for(language: str, wish: str = WISH, constraints: Constraints | None = None) -> Task:
    files, framework, _ = REPOSITORIES[language]
    return task(
        files, wish=wish, languages={"json": 99, language: 3}, test_framework=framework, constraints=constraints
    )


def test_the_language_that_is_allowed_goes_by_all_its_names() -> None:
    assert main_language(Facts({"python": 9, "go": 1}), Constraints(languages=("Golang",))) == "go"


def draft_of(wished: Task) -> Draft:
    return drafted(skeleton(wished), wished.constraints)


def has_error(file: ProducedFile) -> bool:
    """Of what the checks would read. The others are not even tried: Markdown's grammar crashes now and then."""
    reader = reader_of(file.path)
    if reader is None:
        return False
    return get_parser(cast("SupportedLanguage", reader)).parse(file.content.encode()).root_node.has_error


@pytest.mark.parametrize("language", LANGUAGES)
def test_lies_where_such_files_lie(language: str) -> None:
    assert tuple(file.path for file in draft_of(made_for(language)).files) == REPOSITORIES[language][2]


@pytest.mark.parametrize("language", LANGUAGES)
def test_says_what_it_is(language: str) -> None:
    draft = draft_of(made_for(language))
    assert WISH in draft.files[0].content
    assert "skeleton" in draft.integration_instructions[0]
    assert "skeleton" in draft.next_steps[0]
    assert all("skeleton" in file.content for file in draft.files)
    assert all(file.before is None for file in draft.files)


@pytest.mark.parametrize("framework", ["pytest", "unittest", "jest", "vitest", "mocha", "jasmine", "node:test", ""])
@pytest.mark.parametrize("language", LANGUAGES)
def test_parses_with_every_framework(language: str, framework: str) -> None:
    wished = task(REPOSITORIES[language][0], languages={language: 1}, test_framework=framework)
    for file in draft_of(wished).files:
        assert not has_error(file), file.content


@given(st.text(max_size=300), st.sampled_from(LANGUAGES))
def test_parses_whatever_is_wished(wish: str, language: str) -> None:
    wished = made_for(language, wish)
    draft = draft_of(wished)
    for file in draft.files:
        assert not has_error(file), file.content
        if file.language == "python":
            compile(file.content, file.path, "exec")
    assert draft == draft_of(wished)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "wish",
    [
        'end the """ docstring',
        "end */ the comment",
        "a \\u000a \\",
        "import class",
        "42 answers",
        "日本語",
        "\u202eturned",
    ],
)
def test_hostile_wishes(language: str, wish: str) -> None:
    for file in draft_of(made_for(language, wish)).files:
        assert not has_error(file), file.content
        assert "\u202e" not in file.content


def test_a_secret_in_a_wish_is_not_written() -> None:
    draft = draft_of(made_for("python", "use the key sk-abcdefghijklmnop"))
    assert "sk-abcdefghijklmnop" not in draft.files[0].content


def test_follows_the_indentation_that_is_there() -> None:
    assert "\n\tthrow " in draft_of(made_for("javascript")).files[0].content
    assert "\n  private " in draft_of(made_for("java")).files[0].content


def test_imports_the_module_as_the_repository_does() -> None:
    assert "from app.rate_limiter_clients import" in draft_of(made_for("python")).files[1].content
    assert 'from "./rateLimiterClients.js"' in draft_of(made_for("typescript")).files[1].content


def test_takes_no_name_that_is_there() -> None:
    files = {"app/rate_limiter_clients.py": "", "app/b.py": "def rate_limiter_clients_v2(): ...\n"}
    wished = task(files, wish=WISH, languages={"python": 2})
    assert draft_of(wished).files[0].path == "app/rate_limiter_clients_v3.py"


def test_an_empty_repository_gets_the_language_that_is_allowed() -> None:
    wished = task({}, wish=WISH, languages={"": 0}, constraints=Constraints(languages=("Go",)))
    empty = Task(wished.wish, wished.repository, wished.context, wished.constraints)
    assert draft_of(empty).files[0].language == "go"


def test_constraints_are_kept() -> None:
    few = draft_of(made_for("python", constraints=Constraints(max_files=1)))
    assert [file.path for file in few.files] == ["src/app/rate_limiter_clients.py"]
    assert any("left out" in step for step in few.next_steps)
    nowhere = draft_of(made_for("python", constraints=Constraints(paths=("web/**",))))
    assert nowhere.files == ()
    assert [finding.kind for finding in nowhere.findings] == ["path"]


async def test_asks_no_model_and_tells_where_it_is() -> None:
    ask, tell = ScriptedAsk({}), ListeningTell()
    draft = await make().generate(made_for("go"), ask, tell, no_findings)
    assert len(draft.files) == 2
    assert ask.calls == []
    assert tell.steps == ["planning", "writing", "checking"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_passes_the_checks_that_the_worker_makes(language: str) -> None:
    wished = made_for(language)
    assert check(draft_of(wished), wished.repository, wished.constraints) == ()


@pytest.mark.parametrize(
    ("files", "imported"), [({}, "import unittest"), ({"pyproject.toml": "dev = ['pytest>=8']"}, "import pytest")]
)
def test_uses_pytest_where_it_is_declared(files: Mapping[str, str], imported: str) -> None:
    wished = task({"app/a.py": "", **files}, languages={"python": 1}, test_framework="pytest")
    assert draft_of(wished).files[1].content.startswith(f"{imported}\n")


def test_when_every_name_is_taken_that_is_said() -> None:
    names = "rate_limiter_clients " + " ".join(f"rate_limiter_clients_v{number}" for number in range(99))
    with pytest.raises(TallygateError, match="generation_invalid"):
        skeleton(task({"app/a.py": names}, wish=WISH, languages={"python": 1}))
