"""Tasks to generate for, and the other side of a generator."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from services.features.codegen.generators.contract import Reply
from services.features.codegen.values import (
    ChosenFile,
    Constraints,
    Context,
    Draft,
    Facts,
    Finding,
    ProducedFile,
    Repository,
    Step,
    Task,
)
from shared.errors import TallygateError

WISH = "Greet people by their name"
FILES = {"app/__init__.py": "", "app/hello.py": 'def hello():\n    return "hello"\n', "tests/test_hello.py": "x = 1\n"}

PLAN = (
    '{"summary": "greet", "files": [{"path": "app/greet.py", "action": "create", "purpose": "greets"},'
    ' {"path": "app/hello.py", "action": "edit", "purpose": "uses it"}]}'
)
GREET = "def greet(name):\n    return f'hello {name}'\n"
EDIT = '<<<<<<< SEARCH\n    return "hello"\n=======\n    return "hello you"\n>>>>>>> REPLACE\n'
ANSWER = (
    f"FILE: app/greet.py\n```python\n{GREET}```\n\nFILE: app/hello.py\n```python\n{EDIT}```\n\n"
    "SUMMARY: greets people\nNEXT STEPS:\n- tell the people\n"
)


def task(
    files: Mapping[str, str] = FILES,
    *,
    wish: str = WISH,
    languages: Mapping[str, int] | None = None,
    test_framework: str | None = None,
    constraints: Constraints | None = None,
    **options: Any,
) -> Task:
    facts = Facts(languages or {"python": 3}, test_framework=test_framework)
    chosen = tuple(ChosenFile(path, text, "it is there") for path, text in files.items() if text)
    return Task(wish, Repository(dict(files)), Context(facts, chosen, 100), constraints or Constraints(), options)


def reply(text: str, finish_reason: str = "stop") -> Reply:
    return Reply(text, finish_reason, "custom:m", "0199")


Answering = Callable[[str, str], Reply]


class ScriptedAsk:
    """An `Ask` that says what its script has for a key. `calls`: what was asked, in order."""

    def __init__(self, script: Mapping[str, str | Reply | TallygateError], default: str | None = None) -> None:
        self._script = script
        self._default = default
        self.calls: list[tuple[str, list[dict[str, Any]], dict[str, Any] | None]] = []

    @property
    def keys(self) -> list[str]:
        return [key for key, _, _ in self.calls]

    def prompt(self, key: str) -> str:
        return next(
            "\n".join(str(one["content"]) for one in messages) for asked, messages, _ in self.calls if asked == key
        )

    async def __call__(
        self,
        key: str,
        messages: Sequence[dict[str, Any]],
        *,
        max_tokens: int,
        json_schema: dict[str, Any] | None = None,
    ) -> Reply:
        assert max_tokens > 0
        self.calls.append((key, list(messages), json_schema))
        await asyncio.sleep(0)
        said = self._script.get(key, self._default)
        assert said is not None, f"nobody expected {key}"
        if isinstance(said, TallygateError):
            raise said
        return said if isinstance(said, Reply) else reply(said)


class ListeningTell:
    def __init__(self) -> None:
        self.told: list[tuple[Step, str]] = []

    async def __call__(self, step: Step, message: str = "") -> None:
        self.told.append((step, message))

    @property
    def steps(self) -> list[Step]:
        return [step for step, _ in self.told]


async def no_findings(draft: Draft) -> tuple[Finding, ...]:
    return ()


def compiles() -> Callable[[Draft], Awaitable[tuple[Finding, ...]]]:
    """A check as the real one would be, for Python: each file has to compile."""

    async def check(draft: Draft) -> tuple[Finding, ...]:
        return tuple(found for file in draft.files for found in _syntax(file))

    return check


def _syntax(file: ProducedFile) -> tuple[Finding, ...]:
    if file.language != "python":
        return ()
    try:
        compile(file.content, file.path, "exec")
    except SyntaxError as error:
        return (Finding(file.path, "syntax", str(error.msg), error.lineno),)
    return ()
