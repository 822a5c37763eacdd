"""Rules of the house that the import contracts cannot say. What breaks one is named by file, line and rule."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import services
from shared.events.topics import TOPICS

ROOT = Path(services.__file__).parents[1]
SERVICES = sorted(path.parent.name for path in (ROOT / "services").glob("*/__init__.py"))
SCHEMAS = sorted(path.parent.name for path in (ROOT / "services").glob("*/migrations"))
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]

STATEMENT = re.compile(
    r"^\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s.+\sSET\s|DELETE\s+FROM\s|WITH\s+\w+\s+AS\s*\()", re.DOTALL
)
TABLE = re.compile(rf"\b(?:FROM|JOIN|INTO|UPDATE)\s+(({'|'.join(SCHEMAS)})\.\w+)")
EVENTS = {event for topic in TOPICS for event in topic.events}
TOPICS_OF = {event.__name__: {topic.name for topic in TOPICS if event in topic.events} for event in EVENTS}

# The driver's home: the migrations' own table, the probe of a connection that listens, the time.
DRIVER = {"shared/db/migrate.py", "shared/db/listen.py", "shared/db/pool.py", "shared/db/clock.py"}

# Who reads tables of a schema that is not its own, and why.
READERS = {
    # Routers, gateways and workers keep the registry in memory; the monitor counts for caps of sessions.
    "shared/registry/store.py": {"gateway"},
    "shared/access/store.py": {"gateway"},  # whoever answers HTTP checks API keys
    "shared/batches/store.py": {"gateway"},  # who feeds batches, which gateways keep
    "shared/webhooks/store.py": {"gateway"},  # who carries events to webhooks, which gateways keep
    "shared/files/store.py": {"gateway"},  # batches read and write files, which gateways keep
    "shared/inferences/store.py": {"gateway", "monitor"},  # an answer that was not heard; whether a call was begun
}


class Literal(NamedTuple):
    """A string in the code. file: relative to the root."""

    file: str
    line: int
    text: str


@cache
def literals() -> tuple[Literal, ...]:
    """Of services and shared; of f-strings, "…" stands for what is between braces."""
    paths = (*ROOT.glob("services/**/*.py"), *ROOT.glob("shared/**/*.py"))
    return tuple(literal for path in paths for literal in _literals_of(path))


def _literals_of(path: Path) -> Iterator[Literal]:
    file = path.relative_to(ROOT).as_posix()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield Literal(file, node.lineno, node.value)
        elif isinstance(node, ast.JoinedStr):
            parts = [str(part.value) for part in node.values if isinstance(part, ast.Constant)]
            yield Literal(file, node.lineno, "…".join(parts))


def test_sql_stands_in_stores_only() -> None:
    broken = {
        f"{literal.file}:{literal.line}: SQL stands in the store.py of its package"
        for literal in literals()
        if STATEMENT.match(literal.text) and not literal.file.endswith("/store.py") and literal.file not in DRIVER
    }
    assert not broken, "\n".join(sorted(broken))


def test_no_service_reads_or_writes_the_tables_of_another() -> None:
    broken = {
        f"{literal.file}:{literal.line}: {table} belongs to services/{schema}"
        for literal in literals()
        for table, schema in TABLE.findall(literal.text)
        if not literal.file.startswith(f"services/{schema}/") and schema not in READERS.get(literal.file, set())
    }
    assert not broken, "\n".join(sorted(broken))


# Where drivers' errors are named: their tables, and what hands names on to those who expect one of them.
_ERROR_TABLES = {
    "shared/db/failures.py", "shared/kafka/failures.py", "shared/kafka/__init__.py", "deploy/local/readiness.py",
}  # fmt: skip
# Whoever makes or answers in the place of a driver must raise its errors; and who asks the client for one thing.
_SPEAK_FOR_A_DRIVER = {
    "shared/kafka/keeper.py", "shared/kafka/admin.py", "shared/kafka/partitions.py", "shared/kafka/real.py",
    "shared/kafka/committed.py",
}  # fmt: skip


def test_drivers_errors_are_named_in_their_tables_only() -> None:
    """Whoever catches one by its class decides again, and otherwise, what it means."""
    broken = []
    for path in (*ROOT.glob("services/**/*.py"), *ROOT.glob("shared/**/*.py"), *ROOT.glob("deploy/**/*.py")):
        file = path.relative_to(ROOT).as_posix()
        if file in _ERROR_TABLES | _SPEAK_FOR_A_DRIVER or file.startswith("shared/kafka/local/"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            imported = isinstance(node, ast.ImportFrom) and node.module in {"aiokafka.errors", "asyncpg.exceptions"}
            named = (
                isinstance(node, ast.Attribute)
                and (node.attr.endswith("Error") or node.attr == "exceptions")
                and ast.unparse(node).startswith("asyncpg.")
            )
            if imported or named:
                broken.append(f"{file}: {ast.unparse(node)}")
    assert not broken, "\n".join(broken)


def pages() -> Iterator[tuple[str, int, str]]:
    """Every line that people read: documents, and code with its comments."""
    code = [
        path
        for root in ("services", "shared", "deploy", "benchmarks", "tests")
        for path in ROOT.glob(f"{root}/**/*.py")
    ]
    for path in (*DOCUMENTS, *code, *ROOT.glob("services/**/*.sql")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            yield path.relative_to(ROOT).as_posix(), number, line


def test_no_text_refers_to_a_document_that_is_not_here() -> None:
    decisions = {path.name[:4] for path in ROOT.glob("docs/decisions/*.md")}
    broken = [
        f"{file}:{number}: {reference} is not in the repository"
        for file, number, line in pages()
        for reference in (
            *re.findall(r"[A-Z]\w+(?:\.md)? \N{SECTION SIGN}\d*", line),
            *(f"decision {found}" for found in re.findall(r"\bdecision (\d{4})\b", line) if found not in decisions),
        )
    ]
    assert not broken, "\n".join(broken)


def test_the_links_of_documents_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target} is not in the repository"
        for page in DOCUMENTS
        for target in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_opens_with_what_it_hears_says_and_owns(service: str) -> None:
    """Topics as shared/events/topics.py lists them; an event stands for the topics that carry it."""
    opening = ast.get_docstring(ast.parse((ROOT / "services" / service / "__init__.py").read_text())) or ""
    found = re.search(r"^Hears: (.+)^Says: (.+)^Owns: (.+)", opening, re.DOTALL | re.MULTILINE)
    assert found, f"services/{service}/__init__.py: says what it hears, says and owns, each on lines of its own"
    hears, says, owns = found.groups()
    assert set(re.findall(r"\b[a-z]+\.[a-z]+\.v\d\b", hears)) == {t.name for t in TOPICS if service in t.read_by}
    topics_said = [TOPICS_OF[name] for name in re.findall(r"\b[A-Z]\w+\b", says) if name in TOPICS_OF]
    assert set().union(*topics_said) == {t.name for t in TOPICS if service in t.written_by}
    assert re.findall(r"schema `(\w+)`", owns) == [service] * (service in SCHEMAS)
