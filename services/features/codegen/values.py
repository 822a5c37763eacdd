"""What a feature job works on, as values: from the repository that is read to the files that are given back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from services.features.codegen.known_secrets import KnownSecrets
from shared.languages import known_language

Step = Literal["reading", "planning", "writing", "checking", "repairing", "done"]
Action = Literal["create", "edit"]
# "grammar": it cannot be read, and what is wrong may be the grammar.
FindingKind = Literal["path", "patch", "syntax", "grammar", "import", "size", "language", "format", "test", "empty"]


class Constraints(BaseModel):
    """What may be produced. paths: glob patterns of files that may be written (empty: all). languages: allowed ones,
    by the names that shared.languages has for them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    paths: tuple[str, ...] = Field(default=(), max_length=50)
    languages: tuple[str, ...] = Field(default=(), max_length=20)
    max_files: int = Field(default=20, ge=1, le=100)
    max_bytes: int = Field(default=200_000, ge=1, le=1_000_000)

    @field_validator("languages")
    @classmethod
    def _by_their_names(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(known_language(language) or language.lower() for language in languages))


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository as it was read. files: text by POSIX path relative to its root.

    left_out: paths that were not read, and why. origin: for people ("https://host/name at 1a2b3c", "archive", "files").
    notes: what could not be done with it as it should be, for people. marked: files that begin with a byte order mark,
    which is not part of their text and stays where it is.
    """

    files: Mapping[str, str]
    left_out: Mapping[str, str] = field(default_factory=dict)
    origin: str = "files"
    notes: tuple[str, ...] = ()
    marked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a repository is, by looking at it. languages: number of files by language, most first."""

    languages: Mapping[str, int]
    frameworks: tuple[str, ...] = ()
    layout: tuple[str, ...] = ()
    conventions: tuple[str, ...] = ()
    test_framework: str | None = None
    test_paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChosenFile:
    """A file that goes into the prompt, whole or cut, with the reason why."""

    path: str
    content: str
    reason: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """What a model is told of a repository. tokens: estimated. secrets_removed: how many were taken out of texts.
    secrets: those of the whole repository, which must not be told later either."""

    facts: Facts
    files: tuple[ChosenFile, ...]
    tokens: int
    secrets_removed: int = 0
    secrets: KnownSecrets = field(default_factory=KnownSecrets, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class PlannedFile:
    path: str
    action: Action
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    summary: str
    files: tuple[PlannedFile, ...]


@dataclass(frozen=True, slots=True)
class ProducedFile:
    """A file as it would be after the feature. `before` is None for a new one."""

    path: str
    language: str
    content: str
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a produced file. line: from 1, None for the whole file. path: "" for the answer itself."""

    path: str
    kind: FindingKind
    message: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What a generator gave. findings: what could not be taken from its answers."""

    files: tuple[ProducedFile, ...]
    findings: tuple[Finding, ...] = ()
    summary: str = ""
    integration_instructions: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    estimated_impact: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """What is wished for, and everything that is known to do it."""

    wish: str
    repository: Repository
    context: Context
    constraints: Constraints
    options: Mapping[str, Any] = field(default_factory=dict)
